"""The three ways an image comes to be: assembled from layers, by the user's Dockerfile, or there already."""
