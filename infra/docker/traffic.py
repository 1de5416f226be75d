"""What the router knows: the clusters of each release, and the one resource that carries an endpoint's traffic."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi
from pulumi.dynamic import Resource

from infra.docker.provider import SCHEMA, DockerProvider, Props
from infra.docker.router_files import RouterFiles
from infra.serving.clusters import Hosts
from infra.serving.routes import Routing, Target
from infra.serving.xds import cluster_file, cluster_fragment, route_file, route_fragment
from towpath.core.contract import Match

if TYPE_CHECKING:
    from docker import DockerClient

_PATIENCE = 30.0  # seconds until the router finds replicas healthy that were ready already


class RouterClusterProvider(DockerProvider):
    """The live and the probe cluster of one release."""

    updatable: ClassVar[frozenset[str]] = frozenset({"hostName", "replicas", "port", "ready", "drain"})

    def identity(self, props: Props) -> str:
        """The live cluster's name."""
        return str(props["cluster"])

    def make(self, client: "DockerClient", props: Props) -> Props:
        """Add both and wait until the router itself finds every replica healthy."""
        live, probe = props["cluster"], props["probeCluster"]
        hosts = Hosts(name=props["hostName"], port=props["port"], ready=props["ready"])
        files = RouterFiles(client, props["router"])
        files.apply(cluster_fragment(live, probe, hosts))
        for name in (live, probe):
            files.await_healthy(name, props["replicas"], _PATIENCE)
        return {}

    def change(self, client: "DockerClient", olds: Props, news: Props) -> Props:  # noqa: ARG002 - the base's verb
        """Wait for the replicas that came; the cluster itself finds them by their common name."""
        return self.make(client, news)

    def stands(self, client: "DockerClient", name: str, props: Props) -> bool:
        """Whether the router has them on its volume."""
        return RouterFiles(client, props["router"]).has("clusters", cluster_file(name))

    def remove(self, client: "DockerClient", name: str, props: Props) -> None:
        """Wait until nothing is under way, no longer than the drain timeout, then take both away."""
        files = RouterFiles(client, props["router"])
        files.await_idle(name, props["drain"])
        files.await_idle(props["probeCluster"], props["drain"])
        files.remove("clusters", cluster_file(name))


class RouteProvider(DockerProvider):
    """The routes of one endpoint."""

    updatable: ClassVar[frozenset[str]] = frozenset({"targets", "requestTimeout", "mirror", "match"})
    ignored: ClassVar[frozenset[str]] = DockerProvider.ignored | {"fence"}

    def identity(self, props: Props) -> str:
        """Router and endpoint."""
        return f"{props['router']}/{props['endpoint']}"

    def make(self, client: "DockerClient", props: Props) -> Props:
        """Put them in place and wait until the router runs them."""
        routing = _routing(props)
        files = RouterFiles(client, props["router"])
        files.apply(route_fragment(routing), fence=props.get("fence"), needs=routing.clusters())
        return {}

    def change(self, client: "DockerClient", olds: Props, news: Props) -> Props:  # noqa: ARG002 - the base's verb
        """Replace them and wait until the router runs them."""
        return self.make(client, news)

    def stands(self, client: "DockerClient", name: str, props: Props) -> bool:  # noqa: ARG002 - the base's verb
        """Whether the router has them on its volume."""
        return RouterFiles(client, props["router"]).has("routes", route_file(props["endpoint"], props["path"]))

    def remove(self, client: "DockerClient", name: str, props: Props) -> None:  # noqa: ARG002 - the base's verb
        """Take them away."""
        RouterFiles(client, props["router"]).remove("routes", route_file(props["endpoint"], props["path"]))


def _routing(props: Props) -> Routing:
    match = props["match"]
    return Routing(
        endpoint=props["endpoint"],
        path=props["path"],
        request_timeout=props["requestTimeout"],
        targets=tuple(_target(entry) for entry in props["targets"]),
        mirror=props["mirror"],
        match=None if not match else Match(header=match["header"], value=match["value"]),
    )


def _target(entry: Mapping[str, Any]) -> Target:
    return Target(
        role=entry["role"],
        release_id=entry["releaseId"],
        cluster=entry["cluster"],
        probe_cluster=entry["probeCluster"],
        weight=entry["weight"],
    )


class RouterCluster(Resource, module="docker", name="RouterCluster"):
    """The replicas of a release as the router knows them."""

    def __init__(
        self, name: str, args: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`args`: see `infra.docker.endpoint`, which fills them."""
        super().__init__(RouterClusterProvider(), name, {"schema": SCHEMA, **args}, opts)


class Route(Resource, module="docker", name="Route"):
    """Who gets which share of an endpoint's requests."""

    def __init__(
        self, name: str, args: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """`args`: see `infra.docker.endpoint`, which fills them."""
        super().__init__(RouteProvider(), name, {"schema": SCHEMA, **args}, opts)
