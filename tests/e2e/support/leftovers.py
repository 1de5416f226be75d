"""What a daemon has of one installation, found by label, and how it goes away."""

from collections.abc import Iterator
from contextlib import contextmanager

import docker
from docker.errors import NotFound

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
    wanted = {"label": f"{LABEL_INSTANCE}={instance}"}
    with daemon(host) as client:
        containers = client.containers.list(all=True, filters=wanted)
        networks = client.networks.list(filters=wanted)
        volumes = client.volumes.list(filters=wanted)
        return sorted(str(thing.name) for thing in (*containers, *networks, *volumes))


def sweep(instance: str, registry_port: int, host: str = "") -> None:
    """Remove everything of an installation, and the images that were pulled from its registry."""
    wanted = {"label": f"{LABEL_INSTANCE}={instance}"}
    with daemon(host) as client:
        for container in client.containers.list(all=True, filters=wanted):
            container.remove(force=True, v=True)
        for thing in (*client.networks.list(filters=wanted), *client.volumes.list(filters=wanted)):
            thing.remove()
        pulled = f"localhost:{registry_port}/"
        for image in client.images.list():
            names = [*image.tags, *image.attrs.get("RepoDigests", ())]
            for name in names:
                if name.startswith(pulled):
                    _forget(client, name)


def _forget(client: docker.DockerClient, name: str) -> None:
    try:
        client.images.remove(name, force=True)
    except NotFound:
        return
