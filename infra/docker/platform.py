"""What environments on one machine share: a network and a registry; and the router each of them has."""

from collections.abc import Callable
from dataclasses import dataclass

import pulumi

from infra.docker.registry import Registry
from infra.docker.router import Router
from infra.docker.storage import Network, Volume
from infra.naming import object_name
from towpath.core.contract import RouterConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerPlatformArgs:
    """What a `DockerPlatform` is drawn from.

    Attributes:
        stack: name of the stack that draws it.
        instance: id of the installation.
        host: address of the Docker daemon; empty: the default one.
        registry_image: what the registry runs.
        registry_port: where it is published.
    """

    stack: str
    instance: pulumi.Output[str]
    host: pulumi.Input[str]
    registry_image: pulumi.Input[str]
    registry_port: int


class DockerPlatform(pulumi.ComponentResource):
    """Network and registry.

    Attributes:
        network: Docker's name of the network.
        registry: host:port that images are pushed to and pulled from.
    """

    network: pulumi.Output[str]
    registry: pulumi.Output[str]

    def __init__(self, name: str, args: DockerPlatformArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("towpath:docker:Platform", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        where = {"host": args.host, "instance": args.instance, "stack": args.stack}
        named = _names(args.instance, args.stack)
        network = Network("network", {"name": named("network"), **where}, own)
        volume = Volume("registry-data", {"name": named("registry-data"), **where}, own)
        props = {"name": named("registry"), "image": args.registry_image, "port": args.registry_port}
        registry = Registry("registry", {**props, "network": network.name, "volume": volume.name, **where}, own)
        self.network = network.name
        self.registry = registry.port.apply(lambda port: f"localhost:{int(port)}")
        self.register_outputs({"network": self.network, "registry": self.registry})


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerRouterArgs:
    """What a `DockerRouter` is drawn from: see `DockerPlatformArgs` and `RouterConfig`."""

    stack: str
    instance: pulumi.Output[str]
    host: pulumi.Input[str]
    image: pulumi.Input[str]
    network: pulumi.Input[str]
    config: RouterConfig


class DockerRouter(pulumi.ComponentResource):
    """The router of one stack and the volume with its clusters and routes.

    Attributes:
        container: Docker's name of it.
        stats: URL of its counters.
    """

    container: pulumi.Output[str]
    stats: pulumi.Output[str]

    def __init__(self, name: str, args: DockerRouterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("towpath:docker:Router", name, None, opts)
        own = pulumi.ResourceOptions(parent=self)
        where = {"host": args.host, "instance": args.instance, "stack": args.stack}
        named = _names(args.instance, args.stack)
        volume = Volume("router-files", {"name": named("router-files"), **where}, own)
        config = args.config
        ports = {"bind": config.bind, "port": config.port, "stats": config.stats}
        props = {"name": named("router"), "image": args.image, "network": args.network, "volume": volume.name}
        router = Router("router-container", {**props, **ports, **where}, own)
        self.container = router.name
        self.stats = router.statsPort.apply(lambda port: f"http://{config.bind}:{int(port)}")
        self.register_outputs({"container": self.container, "stats": self.stats})


def _names(instance: pulumi.Output[str], stack: str) -> Callable[[str], pulumi.Output[str]]:
    def named(part: str) -> pulumi.Output[str]:
        return instance.apply(lambda value: object_name(value, stack, part))

    return named
