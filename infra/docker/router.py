"""The router of a stack: one Envoy over a volume that holds its clusters and routes."""

import json
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
from pulumi.dynamic import Resource

from infra.docker.containers import base_options, labels, made_alike, made_from, sealed
from infra.docker.host import last_lines, start
from infra.docker.provider import SCHEMA, DockerProvider, Props
from infra.docker.replacing import discard, put, standing, stands
from infra.docker.router_files import RouterFiles
from infra.naming import short_hash
from infra.serving.bootstrap import ADMIN_PORT, FOLDER, REQUEST_PORT, STATS_PORT, bootstrap
from infra.serving.xds import EMPTY, routes_head, routes_tail
from towpath.core.errors import NeedsPerson

if TYPE_CHECKING:
    from docker import DockerClient
    from docker.models.containers import Container

_PATIENCE = 30.0  # seconds until it answers
_SLICE = 1.0  # seconds that it is asked before it is looked at whether it runs
_WORKERS = 2
_STATS_ABOVE = 10_000  # a stats port of its own choice is looked for from the request port plus this
_BEGIN = f"""
set -e; cd {FOLDER}; mkdir -p clusters routes live tmp
printf '%s' "$BOOTSTRAP" > bootstrap.json
printf '%s' "$ROUTES_HEAD" > routes.head; printf '%s' "$ROUTES_TAIL" > routes.tail
[ -e live/cds.yaml ] || printf '%s' "$EMPTY_CLUSTERS" > live/cds.yaml
[ -e live/rds.yaml ] || {{ echo 'version_info: "0"'; cat routes.head routes.tail; }} > live/rds.yaml
exec envoy -c {FOLDER}/bootstrap.json --concurrency {_WORKERS} --disable-hot-restart --log-level warning
"""


class RouterProvider(DockerProvider):
    """One container over one volume; everything but its name changes in place, so that replicas never move."""

    updatable: ClassVar[frozenset[str]] = frozenset(
        {"image", "network", "volume", "bind", "port", "stats", "bootstrap"}
    )

    def make(self, client: "DockerClient", props: Props) -> Props:
        """Draw it and wait until it answers."""
        return {"statsPort": _drawn(client, props, had=0)}

    def change(self, client: "DockerClient", olds: Props, news: Props) -> Props:
        """Replace the container; clusters and routes stay, being on the volume. Requests fail meanwhile."""
        had = olds["statsPort"] if olds["stats"] == news["stats"] else 0
        return {"statsPort": _drawn(client, news, had=had)}

    def exists(self, client: "DockerClient", name: str) -> bool:
        """Whether the container is there."""
        return stands(client, name)

    def remove(self, client: "DockerClient", name: str, props: Props) -> None:  # noqa: ARG002 - the base's verb
        """Remove the container; the volume is a resource of its own."""
        discard(client, name, drain=1)


def bootstrap_id() -> str:
    """Changes with what a router starts with, so that an upgrade restarts it, and the plan shows it."""
    return short_hash(json.dumps(bootstrap(), sort_keys=True) + _BEGIN + routes_head() + routes_tail())


def _drawn(client: "DockerClient", props: Props, had: int) -> int:
    there = standing(client, props["name"])
    kept = _published(there) if there is not None and made_alike(there, props) else had
    stats = kept or props["stats"] or _free_port(props["bind"], props["port"])

    def create() -> "Container":
        return client.containers.create(props["image"], **_options(props, stats))

    def begin(container: "Container") -> None:
        start(client, container, {"requests": props["port"], "stats": stats})
        _await_answer(client, props["name"])

    put(client, props, there, create, begin)
    return int(stats)


def _published(container: "Container") -> int:
    bindings = container.attrs["HostConfig"]["PortBindings"][f"{STATS_PORT}/tcp"]
    return int(bindings[0]["HostPort"])


def _options(props: Props, stats: int) -> dict[str, Any]:
    return {
        **base_options(),
        **sealed(),
        "name": props["name"],
        "entrypoint": ["bash", "-c", _BEGIN],
        "command": [],
        "environment": _beginning(),
        "labels": labels(props, "router") | made_from(props),
        "network": props["network"],
        "ports": {
            f"{REQUEST_PORT}/tcp": (props["bind"], props["port"]),
            f"{STATS_PORT}/tcp": (props["bind"], stats),
        },
        "user": "0",
        "volumes": {props["volume"]: {"bind": FOLDER, "mode": "rw"}},
    }


def _beginning() -> dict[str, str]:
    """What it starts with: in the container and not on the volume, which one that comes back finds as it left it."""
    return {
        "BOOTSTRAP": json.dumps(bootstrap(), indent=1),
        "EMPTY_CLUSTERS": EMPTY,
        "ROUTES_HEAD": routes_head(),
        "ROUTES_TAIL": routes_tail(),
    }


def _free_port(bind: str, port: int) -> int:
    """Below the range from which systems take ports for clients, so that it is still free after a restart."""
    first = port + _STATS_ABOVE if port + _STATS_ABOVE < 32_000 else 20_000  # noqa: PLR2004 - the range's usual begin
    for candidate in range(first, first + 200):
        with socket.socket() as probe:
            if probe.connect_ex((bind, candidate)) != 0:
                return candidate
    raise NeedsPerson(f"no free port for counters from {first} on", "name one: towpath:router: {stats: …}")


def _await_answer(client: "DockerClient", name: str) -> None:
    files, end = RouterFiles(client, name), time.monotonic() + _PATIENCE
    while True:
        container = client.containers.get(name)
        if container.status == "running" and _is_ready(files):
            return
        if container.status in {"exited", "dead"} or time.monotonic() > end:
            raise NeedsPerson(f"the router {name} does not get ready; its log ends with{last_lines(container)}")
        time.sleep(0.1)


def _is_ready(files: RouterFiles) -> bool:
    return files.await_answer("127.0.0.1", ADMIN_PORT, "/ready", _SLICE).status == 200  # noqa: PLR2004 - OK


class Router(Resource, module="docker", name="Router"):
    """A router with its request port and its counters published."""

    name: pulumi.Output[str]
    statsPort: pulumi.Output[int]  # noqa: N815 - Pulumi's names are the state's

    def __init__(
        self, name: str, args: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`args`: name, instance, stack, host, image, network, volume, bind, port, stats."""
        props = {"schema": SCHEMA, "bootstrap": bootstrap_id(), "statsPort": None, **args}
        super().__init__(RouterProvider(), name, props, opts)
