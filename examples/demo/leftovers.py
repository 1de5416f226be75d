"""What the demo's instance has in the Docker daemon, found by its label alone."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Final

import docker
from docker import DockerClient
from docker.errors import APIError, DockerException, NotFound

LABEL: Final = "towpath.instance"
_SECONDS: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Leftovers:
    """Names of everything that carries the label, and of images from the demo's own registry."""

    containers: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]
    images: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many things there are."""
        return len(self.containers) + len(self.networks) + len(self.volumes) + len(self.images)


@dataclass(frozen=True, kw_only=True, slots=True)
class Daemon:
    """The Docker daemon, as far as one instance is in it."""

    client: DockerClient
    instance: str

    def find(self, registry_port: int | None) -> Leftovers:
        """Everything of the instance; its images are those of the registry on that port."""
        chosen: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={self.instance}"}
        return Leftovers(
            containers=tuple(
                str(one.name) for one in self.client.containers.list(all=True, filters=chosen, ignore_removed=True)
            ),
            networks=tuple(str(one.name) for one in self.client.networks.list(filters=chosen)),
            volumes=tuple(str(one.name) for one in self.client.volumes.list(filters=chosen)),
            images=tuple(self._images(registry_port)),
        )

    def remove(self, found: Leftovers) -> None:
        """Remove all of it, by force; what is gone already is no error."""
        for container in found.containers:
            with suppress(NotFound):
                self.client.containers.get(container).remove(force=True, v=True)
        for network in found.networks:
            with suppress(NotFound):
                self.client.networks.get(network).remove()
        for volume in found.volumes:
            with suppress(NotFound):
                self.client.volumes.get(volume).remove(force=True)
        for image in found.images:
            with suppress(NotFound, APIError):  # an image that another container uses stays and is found again
                self.client.images.remove(image)

    def _images(self, port: int | None) -> Iterator[str]:
        prefixes = () if port is None else (f"localhost:{port}/", f"127.0.0.1:{port}/")
        # of the daemon's own list: looking into each image would meet those that somebody else removes meanwhile
        for image in self.client.api.images():
            names = [*(image.get("RepoTags") or ()), *(image.get("RepoDigests") or ())]
            yield from (name for name in names if prefixes and name.startswith(prefixes))


@contextmanager
def daemon(host: str, instance: str) -> Iterator[Daemon | None]:
    """The daemon; None when none answers, so that nothing of the instance can run in it."""
    try:
        client = docker.DockerClient(base_url=host, timeout=_SECONDS) if host else docker.from_env(timeout=_SECONDS)
    except DockerException:
        yield None
        return
    try:
        yield Daemon(client=client, instance=instance)
    finally:
        client.close()
