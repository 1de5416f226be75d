"""What a daemon has of one installation, found by label, and how it goes away."""

from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.networks import Network
from docker.models.volumes import Volume

from towpath.core.contract import LABEL_INSTANCE


@contextmanager
def daemon(host: str) -> Iterator[docker.DockerClient]:
    client = docker.DockerClient(base_url=host) if host else docker.from_env()
    try:
        yield client
    finally:
        client.close()


def leftovers(instance: str, host: str = "") -> list[str]:
    """Names of containers, networks and volumes with the installation's label."""
    with daemon(host) as client:
        return sorted(str(thing.name) for thing in _labelled(client, instance))


def sweep(instance: str, registry_port: int, host: str = "") -> None:
    """Remove everything of an installation, and the images that were pulled from its registry."""
    with daemon(host) as client:
        for thing in _labelled(client, instance):
            if isinstance(thing, Container):
                thing.remove(force=True, v=True)
            else:
                thing.remove()
        # of the daemon's own list: looking into each image would meet those that somebody else removes meanwhile
        for image in client.api.images():
            for name in (*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())):
                if name.startswith(f"localhost:{registry_port}/"):
                    _forget(client, name)


def _labelled(client: docker.DockerClient, instance: str) -> list[Container | Network | Volume]:
    wanted: dict[str, str | list[str] | bool] = {"label": f"{LABEL_INSTANCE}={instance}"}
    containers = client.containers.list(all=True, filters=wanted, ignore_removed=True)
    return [*containers, *client.networks.list(filters=wanted), *client.volumes.list(filters=wanted)]


def _forget(client: docker.DockerClient, name: str) -> None:
    try:
        client.images.remove(name, force=True)
    except NotFound:
        return
