"""The registry that images are pushed to and pulled from."""

import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
from pulumi.dynamic import Resource

from infra.docker.containers import base_options, labels, made_from, sealed
from infra.docker.host import last_lines, start
from infra.docker.provider import SCHEMA, DockerProvider, Props
from infra.docker.replacing import discard, put, standing, stands
from towpath.core.errors import NeedsPerson

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_INSIDE = "5000/tcp"
_LOOPBACK = "127.0.0.1"
_DATA = "/var/lib/registry"
_PATIENCE = 30.0  # seconds until it answers


class RegistryProvider(DockerProvider):
    """One container over one volume."""

    updatable: ClassVar[frozenset[str]] = frozenset({"image", "network", "port", "volume"})

    def make(self, client: "DockerClient", props: Props) -> Props:
        """Draw it and wait until it answers."""

        def create() -> "Container":
            return client.containers.create(props["image"], **_options(props))

        def begin(container: "Container") -> None:
            start(client, container, {_INSIDE: props["port"]})
            if not props["host"]:
                _await_answer(client, props)

        put(client, props, standing(client, props["name"]), create, begin)
        return {}

    def change(self, client: "DockerClient", olds: Props, news: Props) -> Props:  # noqa: ARG002 - the base's verb
        """Replace the container in place; the volume stays."""
        return self.make(client, news)

    def exists(self, client: "DockerClient", name: str) -> bool:
        """Whether the container is there."""
        return stands(client, name)

    def remove(self, client: "DockerClient", name: str, props: Props) -> None:  # noqa: ARG002 - the base's verb
        """Remove the container; the volume is a resource of its own."""
        discard(client, name, drain=5)


def _options(props: Props) -> dict[str, Any]:
    return {
        **base_options(),
        **sealed(),
        "name": props["name"],
        "labels": labels(props, "registry") | made_from(props),
        "environment": {
            "REGISTRY_STORAGE_DELETE_ENABLED": "true",
            "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": _DATA,
            "REGISTRY_HTTP_ADDR": ":5000",
            "OTEL_TRACES_EXPORTER": "none",
        },
        "network": props["network"],
        "ports": {_INSIDE: (_LOOPBACK, props["port"])},
        "volumes": {props["volume"]: {"bind": _DATA, "mode": "rw"}},
    }


def _await_answer(client: "DockerClient", props: Props) -> None:
    end = time.monotonic() + _PATIENCE
    while not _answers(props["port"]):
        container = client.containers.get(props["name"])
        if container.status not in {"running", "created"} or time.monotonic() > end:
            raise NeedsPerson(f"the registry {props['name']} does not answer; its log ends with{last_lines(container)}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{_LOOPBACK}:{port}/v2/", timeout=2) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except (urllib.error.URLError, OSError):
        return False


class Registry(Resource, module="docker", name="Registry"):
    """A registry, published on the machine's loopback address."""

    name: pulumi.Output[str]
    port: pulumi.Output[int]

    def __init__(
        self, name: str, args: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`args`: name, instance, stack, host, image, network, port, volume."""
        super().__init__(RegistryProvider(), name, {"schema": SCHEMA, **args}, opts)
