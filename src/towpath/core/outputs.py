"""Stack outputs, and their form as plain maps: the program writes them, driver and later stacks read them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from towpath.core.errors import TowpathError, UsageError
from towpath.core.release import ImageRef, parse_image

OUTPUT_DRAWN = "drawn"
OUTPUT_PROMOTIONS = "promotions"  # {endpoint: promotion}
OUTPUT_ENDPOINTS = "endpoints"  # {endpoint: EndpointOutput as a map}
OUTPUT_ROUTERS = "routers"  # [{"name", "url", "stats"}], one per router replica
OUTPUT_INSTANCE = "instance"
OUTPUT_REGISTRY = "registry"  # host:port that images are pushed to and pulled from
OUTPUT_NETWORK = "network"
OUTPUT_ROUTER_IMAGE = "routerImage"
OUTPUT_DOCKER_HOST = "dockerHost"
OUTPUT_PROVIDER = "provider"
_TOLERANCE: Final = 0.01  # percent; router weights are whole hundredths


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmOutput:
    """What the program says of one arm it drew.

    Attributes:
        release: the image it runs.
        release_id: its identity, as in `release_id`.
        cluster: the router's name for its live requests.
        probe_cluster: the router's name for its probe requests.
        replicas: how many were drawn.
        traffic: percent that was declared.
    """

    release: ImageRef
    release_id: str
    cluster: str
    probe_cluster: str
    replicas: int
    traffic: float


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointOutput:
    """What the program says of one endpoint it drew.

    Attributes:
        name: as in the config.
        url: where requests go.
        promotion: the number that was drawn.
        stable: absent when nothing is served.
        canary: absent outside a canary.
    """

    name: str
    url: str
    promotion: int
    stable: ArmOutput | None
    canary: ArmOutput | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterOutput:
    """One router replica: where it takes requests and where its counters are read."""

    name: str
    url: str
    stats: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StackOutputs:
    """What a stack exports, parsed.

    Attributes:
        drawn: hash of what was drawn; empty for a stack that was never drawn.
        endpoints: by name.
        routers: one per router replica.
        instance: id of the installation it belongs to.
        registry: where its images are.
        network: the platform's name for the network that replicas and routers share.
        router_image: what routers run.
        docker_host: address of the Docker daemon; empty for the default one.
        provider: docker, kubernetes, aws or gcp.
    """

    drawn: str = ""
    endpoints: tuple[EndpointOutput, ...] = ()
    routers: tuple[RouterOutput, ...] = ()
    instance: str = ""
    registry: str = ""
    network: str = ""
    router_image: str = ""
    docker_host: str = ""
    provider: str = ""

    def endpoint(self, name: str) -> EndpointOutput | None:
        """The endpoint of that name, if it was drawn."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)


def as_declared(traffic: float, seen: float) -> bool:
    """Whether a router replica gives an arm the percent that was declared; NaN, a replica that doesn't say, doesn't."""
    return abs(seen - traffic) < _TOLERANCE


def outputs_to_map(outputs: StackOutputs) -> dict[str, object]:
    """What the program exports, by output name."""
    return {
        OUTPUT_DRAWN: outputs.drawn,
        OUTPUT_PROMOTIONS: {endpoint.name: endpoint.promotion for endpoint in outputs.endpoints},
        OUTPUT_ENDPOINTS: {endpoint.name: _endpoint_to_map(endpoint) for endpoint in outputs.endpoints},
        OUTPUT_ROUTERS: [{"name": r.name, "url": r.url, "stats": r.stats} for r in outputs.routers],
        OUTPUT_INSTANCE: outputs.instance,
        OUTPUT_REGISTRY: outputs.registry,
        OUTPUT_NETWORK: outputs.network,
        OUTPUT_ROUTER_IMAGE: outputs.router_image,
        OUTPUT_DOCKER_HOST: outputs.docker_host,
        OUTPUT_PROVIDER: outputs.provider,
    }


def parse_outputs(values: Mapping[str, object], where: str) -> StackOutputs:
    """What a stack last exported; a stack that was never drawn has none, which is no error.

    Args:
        values: by output name.
        where: the stack, for the message.

    Raises:
        UsageError: the outputs aren't what this version writes.
    """
    try:
        return _parsed(_Reader(values))
    except (_WrongShape, TowpathError) as error:
        hint = "another program or another version of Towpath drew this stack; `pulumi up` with this one writes them"
        raise UsageError(f"the outputs of {where} can't be read: {error}", hint) from error


def _endpoint_to_map(endpoint: EndpointOutput) -> dict[str, object]:
    arms = {"stable": endpoint.stable, "canary": endpoint.canary}
    drawn = {role: _arm_to_map(arm) for role, arm in arms.items() if arm is not None}
    return {"url": endpoint.url, "promotion": endpoint.promotion, **drawn}


def _arm_to_map(arm: ArmOutput) -> dict[str, object]:
    return {
        "release": str(arm.release),
        "releaseId": arm.release_id,
        "cluster": arm.cluster,
        "probeCluster": arm.probe_cluster,
        "replicas": arm.replicas,
        "traffic": arm.traffic,
    }


class _WrongShape(Exception):  # noqa: N818 - names what is wrong; never leaves this module
    pass


class _Reader:
    def __init__(self, values: Mapping[str, object], place: str = "") -> None:
        self._values = values
        self._place = place

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def text(self, key: str) -> str:
        value = self._values.get(key, "")
        if isinstance(value, str):
            return value
        raise self._wrong(key, "a text")

    def number(self, key: str) -> float:
        value = self._values.get(key, 0)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self._wrong(key, "a number")

    def below(self, key: str) -> "_Reader":
        return _Reader(_mapping(self._values.get(key, {}), self._path(key)), self._path(key))

    def each(self, key: str) -> list[tuple[str, "_Reader"]]:
        below = self.below(key)
        return [(name, below.below(name)) for name in below]

    def listed(self, key: str) -> list["_Reader"]:
        value = self._values.get(key, [])
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise self._wrong(key, "a list")
        return [_Reader(_mapping(entry, self._path(key)), self._path(key)) for entry in value]

    def _path(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def _wrong(self, key: str, valid: str) -> _WrongShape:
        return _WrongShape(f"{self._path(key)} is not {valid}")


def _mapping(value: object, place: str) -> Mapping[str, object]:
    if isinstance(value, Mapping):
        return {str(key): entry for key, entry in value.items()}
    raise _WrongShape(f"{place} is not a map")


def _parsed(reader: _Reader) -> StackOutputs:
    return StackOutputs(
        drawn=reader.text(OUTPUT_DRAWN),
        endpoints=tuple(_endpoint(name, entry) for name, entry in reader.each(OUTPUT_ENDPOINTS)),
        routers=tuple(
            RouterOutput(name=entry.text("name"), url=entry.text("url"), stats=entry.text("stats"))
            for entry in reader.listed(OUTPUT_ROUTERS)
        ),
        instance=reader.text(OUTPUT_INSTANCE),
        registry=reader.text(OUTPUT_REGISTRY),
        network=reader.text(OUTPUT_NETWORK),
        router_image=reader.text(OUTPUT_ROUTER_IMAGE),
        docker_host=reader.text(OUTPUT_DOCKER_HOST),
        provider=reader.text(OUTPUT_PROVIDER),
    )


def _endpoint(name: str, reader: _Reader) -> EndpointOutput:
    return EndpointOutput(
        name=name,
        url=reader.text("url"),
        promotion=int(reader.number("promotion")),
        stable=_arm(reader.below("stable")) if "stable" in reader else None,
        canary=_arm(reader.below("canary")) if "canary" in reader else None,
    )


def _arm(reader: _Reader) -> ArmOutput:
    return ArmOutput(
        release=parse_image(reader.text("release")),
        release_id=reader.text("releaseId"),
        cluster=reader.text("cluster"),
        probe_cluster=reader.text("probeCluster"),
        replicas=int(reader.number("replicas")),
        traffic=reader.number("traffic"),
    )
