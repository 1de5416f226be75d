"""What a stack runs on, whatever provides it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from infra.docker.endpoint import DockerEndpoint, DockerEndpointArgs, Site
from infra.docker.platform import DockerPlatform, DockerPlatformArgs, DockerRouter, DockerRouterArgs
from towpath.core.contract import Endpoint, PlatformConfig, RouterConfig

PROVIDER = "docker"


@dataclass(frozen=True, kw_only=True, slots=True)
class Images:
    """What the platform's own containers run."""

    registry: str
    router: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What endpoints are drawn on; every value waits for the checks that come before any drawing.

    Attributes:
        stack: name of the stack that draws on it.
        instance: id of the installation.
        host: address of the Docker daemon; empty: the default one.
        network: the platform's name of the network.
        registry: host:port that images are pushed to and pulled from.
        router_image: what routers run.
    """

    stack: str
    instance: pulumi.Output[str]
    host: pulumi.Output[str]
    network: pulumi.Output[str]
    registry: pulumi.Output[str]
    router_image: pulumi.Output[str]


def draw_platform(
    stack: str, config: PlatformConfig, instance: pulumi.Output[str], host: str, images: Images
) -> Ground:
    """Draw what environments share, in this stack."""
    platform = DockerPlatform(
        "platform",
        DockerPlatformArgs(
            stack=stack,
            instance=instance,
            host=host,
            registry_image=images.registry,
            registry_port=config.registry_port,
        ),
    )
    return Ground(
        stack=stack,
        instance=instance,
        host=pulumi.Output.from_input(host),
        network=platform.network,
        registry=platform.registry,
        router_image=pulumi.Output.from_input(images.router),
    )


def draw_router(ground: Ground, config: RouterConfig) -> DockerRouter:
    """Draw the stack's router."""
    return DockerRouter(
        "router",
        DockerRouterArgs(
            stack=ground.stack,
            instance=ground.instance,
            host=ground.host,
            image=ground.router_image,
            network=ground.network,
            config=config,
        ),
    )


def draw_endpoint(
    ground: Ground,
    router: DockerRouter,
    endpoint: Endpoint,
    secrets: Mapping[str, pulumi.Input[str]],
    fence: int | None,
) -> DockerEndpoint:
    """Draw one endpoint behind that router."""
    site = Site(
        stack=ground.stack,
        instance=ground.instance,
        host=ground.host,
        network=ground.network,
        router=router.container,
    )
    args = DockerEndpointArgs(site=site, endpoint=endpoint, secrets=secrets, fence=fence)
    return DockerEndpoint(args, pulumi.ResourceOptions())
