"""The one program of every environment and platform: it draws what the stack's config says."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pulumi

from infra.docker.platform import DockerRouter
from infra.platform import PROVIDER, Ground, Images, draw_endpoint, draw_platform, draw_router
from infra.serving.placement import arms
from stacks.config import Told, read, read_instance
from stacks.guard import check_promotions
from towpath.core.contract import Endpoint, RouterConfig, drawn_hash
from towpath.core.errors import Missing, TowpathError
from towpath.core.outputs import (
    OUTPUT_DOCKER_HOST,
    OUTPUT_INSTANCE,
    OUTPUT_NETWORK,
    OUTPUT_REGISTRY,
    OUTPUT_ROUTER_IMAGE,
    OUTPUT_ROUTERS,
    EndpointOutput,
    StackOutputs,
    outputs_to_map,
    parse_outputs,
)

_Value = TypeVar("_Value")


def run(root: Path) -> None:
    """Draw the stack that Pulumi runs; `root` is the repository."""
    with_remedy(lambda: _run(root))


def with_remedy(act: Callable[[], _Value]) -> _Value:
    """Pulumi shows nothing of an error but its text, so the hint goes into it."""
    try:
        return act()
    except TowpathError as error:
        raise pulumi.RunError(f"{error.message}\n  {error.hint}" if error.hint else error.message) from error


def _run(root: Path) -> None:
    told = read(root)
    checked = _last_drawn(told).apply(lambda last: with_remedy(lambda: _checked(told, last)))
    ground = _platform(told, checked)
    router = None if told.config.router is None else draw_router(ground, told.config.router)
    routes = [] if router is None else _endpoints(told, ground, router)
    _export(told, ground, router, pulumi.Output.all(checked, *routes))


def _last_drawn(told: Told) -> pulumi.Output[Mapping[str, Any]]:
    return _outputs_of(told, told.stack)


def _outputs_of(told: Told, stack: str) -> pulumi.Output[Mapping[str, Any]]:
    return pulumi.StackReference(f"{told.organization}/{told.project}/{stack}").outputs


def _checked(told: Told, last: Mapping[str, Any]) -> bool:
    check_promotions(told.stack, told.config.endpoints, parse_outputs(last, told.stack))
    return True


def _platform(told: Told, checked: pulumi.Output[bool]) -> Ground:
    config = told.config.platform
    if config.stack:
        return _referenced(told, checked)
    instance = read_instance(told.root)
    images = Images(registry=instance.registry, router=instance.router)
    return draw_platform(
        told.stack, config, checked.apply(lambda _: instance.id), config.host or instance.docker_host, images
    )


def _referenced(told: Told, checked: pulumi.Output[bool]) -> Ground:
    name = told.config.platform.stack
    both = pulumi.Output.all(checked, _outputs_of(told, name))
    outputs = both.apply(lambda values: with_remedy(lambda: _platform_outputs(name, values[1])))
    return Ground(
        stack=told.stack,
        instance=outputs.apply(lambda o: o.instance),
        host=outputs.apply(lambda o: o.docker_host),
        network=outputs.apply(lambda o: o.network),
        registry=outputs.apply(lambda o: o.registry),
        router_image=outputs.apply(lambda o: o.router_image),
    )


def _platform_outputs(name: str, values: Mapping[str, Any]) -> StackOutputs:
    outputs = parse_outputs(values, name)
    if not outputs.network:
        raise Missing(f"the stack {name} has not drawn a platform yet", f"`pulumi up --stack {name}` draws it")
    return outputs


def _endpoints(told: Told, ground: Ground, router: DockerRouter) -> list[pulumi.Output[str]]:
    config = told.config
    drawn = [draw_endpoint(ground, router, endpoint, told.secrets, config.fence) for endpoint in config.endpoints]
    return [endpoint.route for endpoint in drawn]


def _export(told: Told, ground: Ground, router: DockerRouter | None, done: pulumi.Output[Any]) -> None:
    """Say what was drawn, only once it was: a run that failed leaves what the last one said."""
    config = told.config
    known = StackOutputs(
        drawn=drawn_hash(config.endpoints),
        endpoints=tuple(_endpoint_output(config.router, endpoint) for endpoint in config.endpoints),
        provider=PROVIDER,
    )
    later = {
        OUTPUT_ROUTERS: [] if router is None else [_router_output(config.router, router)],
        OUTPUT_INSTANCE: ground.instance,
        OUTPUT_REGISTRY: ground.registry,
        OUTPUT_NETWORK: ground.network,
        OUTPUT_ROUTER_IMAGE: ground.router_image,
        OUTPUT_DOCKER_HOST: ground.host,
    }
    for name, value in outputs_to_map(known).items():
        pulumi.export(name, later.get(name, _once(done, value)))


def _once(done: pulumi.Output[Any], value: object) -> pulumi.Output[object]:
    return done.apply(lambda _: value)


def _router_output(config: RouterConfig | None, router: DockerRouter) -> dict[str, pulumi.Input[str]]:
    url = "" if config is None else _url(config, "/")
    return {"name": router.container, "url": url, "stats": router.stats}


def _endpoint_output(router: RouterConfig | None, endpoint: Endpoint) -> EndpointOutput:
    by_role = {arm.role: arm.output() for arm in arms(endpoint)}
    return EndpointOutput(
        name=endpoint.name,
        url="" if router is None else _url(router, endpoint.path),
        promotion=endpoint.promotion,
        stable=by_role.get("stable"),
        canary=by_role.get("canary"),
    )


def _url(router: RouterConfig, path: str) -> str:
    host = "127.0.0.1" if router.bind == "0.0.0.0" else router.bind  # noqa: S104 - compared, not bound
    return f"http://{host}:{router.port}{path}".rstrip("/")
