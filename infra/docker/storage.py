"""The network that replicas and routers share, and the volumes that outlive containers."""

import io
import tarfile
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import Resource

from infra.docker.containers import labels
from infra.docker.provider import SCHEMA, DockerProvider, Props

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container
    from docker.models.networks import Network as DockerNetwork
    from docker.models.volumes import Volume as DockerVolume

SHARERS = 65532  # group that volumes belong to; replicas that write to one are in it, whatever user their image names
_SHARED = 0o2775  # and so does what is made in there


class NetworkProvider(DockerProvider):
    """A user network; one of that name is adopted."""

    def make(self, client: "DockerClient", props: Props) -> Props:
        """Make it, or take the one that is there."""
        if not self.exists(client, props["name"]):
            client.networks.create(props["name"], driver="bridge", labels=labels(props, "network"))
        return {}

    def exists(self, client: "DockerClient", name: str) -> bool:
        """By its exact name; Docker's own filter takes parts of names."""
        return bool(_networks(client, name))

    def remove(self, client: "DockerClient", name: str, props: Props) -> None:  # noqa: ARG002 - the base's verb
        """Remove it."""
        for network in _networks(client, name):
            network.remove()


class VolumeProvider(DockerProvider):
    """A named volume; one of that name is adopted."""

    def make(self, client: "DockerClient", props: Props) -> Props:
        """Make it, or take the one that is there: that is how Docker's own call behaves."""
        client.volumes.create(props["name"], labels=labels(props, "volume"))
        return {}

    def exists(self, client: "DockerClient", name: str) -> bool:
        """By its exact name."""
        return bool(_volumes(client, name))

    def remove(self, client: "DockerClient", name: str, props: Props) -> None:  # noqa: ARG002 - the base's verb
        """Remove it with what is in it."""
        for volume in _volumes(client, name):
            volume.remove()


def _networks(client: "DockerClient", name: str) -> "list[DockerNetwork]":
    return [network for network in client.networks.list(filters={"name": name}) if network.name == name]


def _volumes(client: "DockerClient", name: str) -> "list[DockerVolume]":
    return [volume for volume in client.volumes.list(filters={"name": name}) if volume.name == name]


def share(container: "Container", path: str) -> None:
    """Let the group write to the volume that is mounted there, which Docker makes root's alone.

    It goes through the container that mounts it, so that images without a shell and releases of other users will do.
    """
    mounted = tarfile.TarInfo(path.strip("/"))
    mounted.type, mounted.mode, mounted.gid = tarfile.DIRTYPE, _SHARED, SHARERS
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(mounted)
    container.put_archive("/", buffer.getvalue())


class _Named(Resource):
    """A resource whose Docker name is an input."""

    name: pulumi.Output[str]


class Network(_Named, module="docker", name="Network"):
    """The network of a platform."""

    def __init__(
        self, name: str, args: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`args`: name, instance, stack, host."""
        super().__init__(NetworkProvider(), name, {"schema": SCHEMA, **args}, opts)


class Volume(_Named, module="docker", name="Volume"):
    """A named volume."""

    def __init__(
        self, name: str, args: Mapping[str, pulumi.Input[str]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`args`: name, instance, stack, host."""
        super().__init__(VolumeProvider(), name, {"schema": SCHEMA, **args}, opts)
