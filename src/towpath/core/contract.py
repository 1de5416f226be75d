"""What the driver says to the program, by config, and the names both give to what is drawn.

Both sides import this module and `outputs`, so neither spells a key another way. The values are plain facts: what
an endpoint looks like, in full; the program draws it and knows nothing of promotions.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from towpath.core.release import ImageRef

NAMESPACE = "towpath"
SECRETS_NAMESPACE = "secrets"  # `pulumi config set --secret secrets:NAME`
KEY_PLATFORM = "platform"
KEY_ROUTER = "router"
KEY_ENDPOINTS = "endpoints"
KEY_FENCE = "fence"  # only ever in the driver's overlays

LABEL_INSTANCE = "towpath.instance"
LABEL_STACK = "towpath.stack"
LABEL_ENDPOINT = "towpath.endpoint"
LABEL_RELEASE_ID = "towpath.release-id"
LABEL_DIGEST = "towpath.digest"
LABEL_ROLE = "towpath.role"  # registry, router, replica, network, volume
ARM_HEADER = "x-towpath-arm"  # a probe names its arm with it: stable or canary
TRAFFIC_TOTAL = 10_000  # router weights are whole numbers out of this: a hundredth of a percent


@dataclass(frozen=True, kw_only=True, slots=True)
class Gpu:
    """What one replica asks for.

    Attributes:
        type: the accelerator's name, as the platform knows it: nvidia-l4.
        count: whole devices.
    """

    type: str
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Timeouts:
    """In seconds.

    Attributes:
        startup: from the container's start to ready; a model that isn't ready then ends the rollout.
        request: one request, or the longest silence within a stream.
        drain: how long a leaving replica may finish what it has begun; a stream that takes longer is cut.
    """

    startup: float = 60.0
    request: float = 30.0
    drain: float = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Smoke:
    """One request whose answer is known.

    Attributes:
        method: GET or POST.
        path: where it goes.
        body: JSON text; empty for none.
        expect: JSON text that the answer must contain (maps as subsets, lists and scalars equal); empty: any 2xx.
    """

    method: str
    path: str
    body: str
    expect: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Probes:
    """How the platform and the driver tell that a replica can serve.

    Attributes:
        ready: path that answers 200 once the model is loaded and warm.
        smoke: the request a first release must answer before it gets traffic; absent: none.
    """

    ready: str = "/v2/health/ready"
    smoke: Smoke | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Volume:
    """A named volume that outlives its replicas, for caches.

    Attributes:
        name: unique within the stack.
        path: where it is mounted.
        read_only: mounted so that the replica can't write it.
    """

    name: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Serving:
    """Everything of a replica but its image: with the image it decides the release's identity.

    Attributes:
        port: where the container answers HTTP.
        cpu_millis: thousandths of a core; 0: no limit.
        memory_bytes: limit; 0: none.
        gpu: absent: none.
        env: plain variables, sorted by name.
        secrets: (variable, name of the Pulumi secret), sorted by variable; never a value.
        args: appended to the image's entry point.
        volumes: caches.
        shm_bytes: size of /dev/shm; 0: the platform's default.
        timeouts: startup, request and drain.
        probes: ready path and smoke request.
    """

    port: int = 8080
    cpu_millis: int = 0
    memory_bytes: int = 0
    gpu: Gpu | None = None
    env: tuple[tuple[str, str], ...] = ()
    secrets: tuple[tuple[str, str], ...] = ()
    args: tuple[str, ...] = ()
    volumes: tuple[Volume, ...] = ()
    shm_bytes: int = 0
    timeouts: Timeouts = Timeouts()
    probes: Probes = Probes()


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """Requests that carry this header go to the canary whatever its traffic."""

    header: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Canary:
    """The candidate beside the stable arm; only ever in the driver's overlays.

    Attributes:
        release: the candidate.
        serving: how its replicas look (the endpoint's own with the overlay's overrides applied).
        traffic: percent of requests it gets, 0 to 100.
        replicas: how many of it run.
        stable_replicas: how many of stable run meanwhile; absent: all.
        mirror: percent of requests copied to it, answers thrown away.
        match: requests that always go to it.
    """

    release: ImageRef
    serving: Serving
    traffic: float
    replicas: int
    stable_replicas: int | None = None
    mirror: float = 0.0
    match: Match | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """One serving address in one environment, described in full.

    Attributes:
        name: unique within the stack; letters, digits and dashes.
        path: URL prefix it answers at, taken off before the request is passed on.
        release: what is served; absent: nothing, the router answers 503.
        promotion: number of the promotion that wrote this; only ever goes up.
        replicas: how many of the release run.
        serving: how its replicas look.
        canary: a candidate beside it.
    """

    name: str
    path: str = "/"
    release: ImageRef | None = None
    promotion: int = 0
    replicas: int = 1
    serving: Serving = Serving()
    canary: Canary | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PlatformConfig:
    """What an environment runs on: a stack that drew it, or how to draw it in the same stack.

    Attributes:
        stack: name of the stack that drew it; empty: it is drawn here.
        provider: what draws it here; empty when it is another stack's.
        host: address of the Docker daemon; empty: the one of the environment or the instance file.
        registry_port: where the registry is published on the machine's loopback address.
    """

    stack: str = ""
    provider: str = ""
    host: str = ""
    registry_port: int = 5055


@dataclass(frozen=True, kw_only=True, slots=True)
class RouterConfig:
    """Where a stack's router takes requests.

    Attributes:
        port: for requests.
        bind: address of the machine that both ports are bound to.
        stats: port for counters; 0: the platform takes a free one and keeps it.
    """

    port: int
    bind: str = "127.0.0.1"
    stats: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class StackConfig:
    """Everything a stack file says in our namespace.

    Attributes:
        platform: what it runs on.
        router: absent in a stack that serves nothing.
        endpoints: by name, in the file's order.
        fence: of the driver's lease; absent in a run by hand.
    """

    platform: PlatformConfig
    router: RouterConfig | None = None
    endpoints: tuple[Endpoint, ...] = ()
    fence: int | None = None


def release_id(endpoint: str, release: ImageRef, serving: Serving) -> str:
    """Identity of a release on a platform: 12 hex digits of the digest and everything in the replica's template.

    No role and no traffic goes in, so that promoting a candidate never restarts it.
    """
    return _hash({"endpoint": endpoint, "digest": release.digest, "serving": asdict(serving)})[:12]


def cluster_name(endpoint: str, identity: str) -> str:
    """The router's name for the live requests of a release."""
    return f"{endpoint}/{identity}"


def probe_cluster_name(endpoint: str, identity: str) -> str:
    """The router's name for the probe requests of a release."""
    return f"{cluster_name(endpoint, identity)}/probe"


def resource_name(endpoint: str, part: str) -> str:
    """Name of a resource that belongs to one endpoint; the dot can't occur in an endpoint's own name."""
    return f"{endpoint}.{part}"


def route_name(endpoint: str) -> str:
    """Name of the one resource that holds an endpoint's traffic; nothing else carries it."""
    return resource_name(endpoint, "route")


def route_target(endpoint: str) -> str:
    """What `pulumi up --target` takes to change an endpoint's traffic and nothing else."""
    return f"**::{route_name(endpoint)}"


def endpoint_targets(endpoint: str) -> tuple[str, str]:
    """What `pulumi up --target` takes to change everything of one endpoint and nothing else."""
    return f"**::{endpoint}", f"**::{resource_name(endpoint, '*')}"


def drawn_hash(endpoints: Sequence[Endpoint]) -> str:
    """Hash of what a stack's endpoints look like when these are drawn; the same on both sides."""
    return _hash([asdict(endpoint) for endpoint in sorted(endpoints, key=lambda e: e.name)])


def canary_weights(endpoint: Endpoint) -> tuple[int, int]:
    """Router weights of (stable, canary), out of `TRAFFIC_TOTAL`."""
    share = 0 if endpoint.canary is None else round(endpoint.canary.traffic * TRAFFIC_TOTAL / 100)
    return TRAFFIC_TOTAL - share, share


def _hash(value: object) -> str:
    text = json.dumps(_evened(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _evened(value: object) -> object:
    """Numbers that are equal written alike: one reader of a config gives 5 where another gives 5.0."""
    if isinstance(value, dict):
        return {key: _evened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_evened(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
