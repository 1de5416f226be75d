"""Train the model: the mean flower of each species, from the data set inside scikit-learn. Writes centroids.json."""

import json
from pathlib import Path

from sklearn.datasets import load_iris


def main() -> None:
    """Write the centroids, the same bytes every time."""
    data = load_iris()
    centroids = {
        str(species): [round(float(mean), 6) for mean in data.data[data.target == label].mean(axis=0)]
        for label, species in enumerate(data.target_names)
    }
    path = Path(__file__).with_name("centroids.json")
    path.write_text(json.dumps(centroids, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
