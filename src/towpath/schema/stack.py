"""The `towpath:` keys of a stack file: their shape and their cross checks."""

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from towpath.core.contract import (
    Canary,
    Endpoint,
    Gpu,
    Match,
    PlatformConfig,
    Probes,
    RouterConfig,
    Serving,
    Smoke,
    StackConfig,
    Timeouts,
    Volume,
    release_id,
)
from towpath.core.errors import UsageError, all_at_once
from towpath.core.release import parse_image
from towpath.schema.image_spec import Table
from towpath.schema.problems import problems_of
from towpath.schema.units import Bytes, MilliCores, Seconds

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_NAME_FORM = "a name of at most 40 small letters, digits and dashes that begins with a letter"
_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_HINT = "every key is explained in docs/configuration.md; nothing was changed"


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(_NAME_FORM)
    return value


def _release(value: str) -> str:
    try:
        return str(parse_image(value))
    except UsageError as error:
        raise ValueError(f"an image by digest ({error.message}; {error.hint})") from error


def _url_path(value: str) -> str:
    if not value.startswith("/") or any(sign in value for sign in "?# ") or "//" in value:
        raise ValueError("a URL path that starts with /, without ? and #")
    return value


def _prefix(value: str) -> str:
    return "/" + _url_path(value).strip("/")


def _mount(value: str) -> str:
    if not value.startswith("/") or value == "/" or ".." in value.split("/"):
        raise ValueError("an absolute path inside the container")
    return value


def _variables(value: dict[str, str]) -> dict[str, str]:
    if not all(name.isidentifier() for name in value):
        raise ValueError("names of variables in letters, digits and _")
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("a header's name in letters, digits and dashes")
    return value


def _json_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


Name = Annotated[str, AfterValidator(_name)]
Release = Annotated[str, AfterValidator(_release)]
UrlPath = Annotated[str, AfterValidator(_url_path)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1, le=1000)]
Percent = Annotated[float, Field(ge=0, le=100, strict=False)]
Json = Annotated[str, BeforeValidator(_json_text, json_schema_input_type=Any)]


class ResourcesTable(Table):
    """Limits of one replica."""

    cpu: Annotated[MilliCores, Field(description="cores one replica may use: 500m or 1.5; absent: no limit")] = 0
    memory: Annotated[Bytes, Field(description="memory one replica may use: 512Mi; absent: no limit")] = 0


class GpuTable(Table):
    """Accelerators of one replica; refused where the platform has none."""

    type: Annotated[str, Field(min_length=1, description="the accelerator as the platform knows it: nvidia-l4")]
    count: Annotated[Count, Field(description="whole devices")] = 1


class TimeoutsTable(Table):
    """How long things may take, as 90s or 2m."""

    startup: Annotated[Seconds, Field(gt=0, description="from the container's start to ready")] = 60.0
    request: Annotated[
        Seconds, Field(gt=0, description="until a request's first answer byte, and the longest silence in a stream")
    ] = 30.0
    drain: Annotated[Seconds, Field(ge=0, description="how long a leaving replica may finish what it has begun")] = 15.0


class SmokeTable(Table):
    """One request whose answer is known; a first release must answer it before it gets traffic."""

    method: Annotated[Literal["GET", "POST"], Field(description="GET or POST")] = "POST"
    path: Annotated[UrlPath, Field(description="where the request goes")]
    body: Annotated[Json, Field(description="what is sent: JSON, as text or written out in YAML")] = ""
    expect: Annotated[
        Json, Field(description="JSON the answer must contain (maps as subsets, the rest equal); absent: any 2xx")
    ] = ""

    def smoke(self) -> Smoke:
        """The core's form."""
        return Smoke(method=self.method, path=self.path, body=self.body, expect=self.expect)


class ProbesTable(Table):
    """How it is told that a replica can serve."""

    ready: Annotated[UrlPath, Field(description="path that answers 200 once the model is loaded and warm")] = (
        "/v2/health/ready"
    )
    smoke: Annotated[SmokeTable | None, Field(description="a request whose answer is known")] = None


class VolumeTable(Table):
    """A named volume that outlives replicas, for caches."""

    name: Annotated[Name, Field(description="unique within the endpoint")]
    path: Annotated[str, AfterValidator(_mount), Field(description="where it is mounted in the container")]
    readOnly: Annotated[bool, Field(description="the replica can't write it")] = False  # noqa: N815 - a key


class ServingTable(Table):
    """Everything of a replica but its image; with the image it decides the release's identity."""

    port: Annotated[Port, Field(description="where the container answers HTTP")] = 8080
    resources: Annotated[ResourcesTable, Field(description="limits of one replica")] = ResourcesTable()
    gpu: Annotated[GpuTable | None, Field(description="accelerators of one replica; absent: none")] = None
    env: Annotated[dict[str, str], AfterValidator(_variables), Field(description="plain variables")] = {}
    secrets: Annotated[
        dict[str, Name],
        AfterValidator(_variables),
        Field(description="variable: NAME of a secret set with `pulumi config set --secret secrets:NAME`"),
    ] = {}
    args: Annotated[list[str], Field(description="appended to the image's entry point")] = []
    volumes: Annotated[list[VolumeTable], Field(description="caches that outlive replicas")] = []
    shm: Annotated[Bytes, Field(description="size of /dev/shm; absent: the platform's default")] = 0
    timeouts: Annotated[TimeoutsTable, Field(description="startup, request and drain")] = TimeoutsTable()
    probes: Annotated[ProbesTable, Field(description="ready path and smoke request")] = ProbesTable()

    def serving(self) -> Serving:
        """The core's form."""
        smoke = self.probes.smoke
        return Serving(
            port=self.port,
            cpu_millis=self.resources.cpu,
            memory_bytes=self.resources.memory,
            gpu=None if self.gpu is None else Gpu(type=self.gpu.type, count=self.gpu.count),
            env=tuple(sorted(self.env.items())),
            secrets=tuple(sorted(self.secrets.items())),
            args=tuple(self.args),
            volumes=tuple(Volume(name=v.name, path=v.path, read_only=v.readOnly) for v in self.volumes),
            shm_bytes=self.shm,
            timeouts=Timeouts(**self.timeouts.model_dump()),
            probes=Probes(ready=self.probes.ready, smoke=None if smoke is None else smoke.smoke()),
        )

    def problems(self) -> list[str]:
        """What no single key shows."""
        both = sorted(set(self.env) & set(self.secrets))
        names = [volume.name for volume in self.volumes]
        checks = (
            (bool(both), f"secrets: {', '.join(both)} are in env as well, valid: a variable in one of them"),
            (len(set(names)) < len(names), "volumes: a name twice, valid: each name once"),
        )
        return [problem for wrong, problem in checks if wrong]


class OverridesTable(ServingTable):
    """Keys of the endpoint that look otherwise in the candidate; each replaces the endpoint's own as a whole."""


class MatchTable(Table):
    """Requests that carry this header go to the canary whatever its traffic."""

    header: Annotated[str, AfterValidator(_header), Field(description="the header's name")]
    value: Annotated[str, Field(min_length=1, description="its exact value")]


class CanaryTable(Table):
    """The candidate beside the stable arm; only ever in the driver's overlay copies."""

    release: Annotated[Release, Field(description="the candidate, by digest")]
    traffic: Annotated[Percent, Field(description="percent of requests it gets")] = 0.0
    replicas: Annotated[Count, Field(description="how many of it run")] = 1
    stableReplicas: Annotated[  # noqa: N815 - a key
        Count | None, Field(description="how many of stable run meanwhile; absent: all")
    ] = None
    mirror: Annotated[Percent, Field(description="percent of requests copied to it, answers thrown away")] = 0.0
    match: Annotated[MatchTable | None, Field(description="requests that always go to it")] = None
    endpoint: Annotated[OverridesTable | None, Field(description="keys of the endpoint that differ in it")] = None

    def serving(self, base: ServingTable) -> ServingTable:
        """The endpoint's own with the overrides applied."""
        if self.endpoint is None:
            return base
        return base.model_copy(update={name: getattr(self.endpoint, name) for name in self.endpoint.model_fields_set})

    def canary(self, base: ServingTable) -> Canary:
        """The core's form."""
        match = self.match
        return Canary(
            release=parse_image(self.release),
            serving=self.serving(base).serving(),
            traffic=self.traffic,
            replicas=self.replicas,
            stable_replicas=self.stableReplicas,
            mirror=self.mirror,
            match=None if match is None else Match(header=match.header.lower(), value=match.value),
        )


class EndpointTable(ServingTable):
    """One serving address."""

    path: Annotated[
        str, AfterValidator(_prefix), Field(description="URL prefix it answers at, taken off before the replica")
    ] = "/"
    release: Annotated[
        Release | None, Field(description="what is served, by digest; absent: the router answers 503")
    ] = None
    promotion: Annotated[int, Field(ge=0, description="number of the promotion that wrote this; only ever goes up")] = 0
    replicas: Annotated[Count, Field(description="how many of the release run")] = 1
    canary: Annotated[CanaryTable | None, Field(description="only ever in the driver's overlay copies")] = None

    def endpoint(self, name: str) -> Endpoint:
        """The core's form."""
        return Endpoint(
            name=name,
            path=self.path,
            release=None if self.release is None else parse_image(self.release),
            promotion=self.promotion,
            replicas=self.replicas,
            serving=self.serving(),
            canary=None if self.canary is None else self.canary.canary(self),
        )

    def problems(self) -> list[str]:
        """As the parent's, and what is wrong between the arms."""
        found = super().problems()
        canary = self.canary
        if canary is None:
            return found
        found += [f"canary.endpoint.{problem}" for problem in canary.serving(self).problems()]
        if self.release is None and (canary.traffic or canary.mirror):
            found.append("canary.traffic: no stable release to share requests with, valid: 0")
        if self._same_release(canary, self.release):
            found.append("canary.release: the same release as the stable arm, valid: another one")
        return found

    def _same_release(self, canary: CanaryTable, release: str | None) -> bool:
        if release is None:
            return False
        stable = release_id("", parse_image(release), self.serving())
        return stable == release_id("", parse_image(canary.release), canary.serving(self).serving())


class RegistryTable(Table):
    """The registry of a platform that is drawn here."""

    port: Annotated[Port, Field(description="published on 127.0.0.1")] = 5055


class PlatformTable(Table):
    """What the stack runs on: `{stack: …}` that drew it, or `{provider: docker, …}` to draw it here."""

    stack: Annotated[Name | None, Field(description="the stack that drew it, in the same backend")] = None
    provider: Annotated[Literal["docker"] | None, Field(description="what draws it here")] = None
    host: Annotated[str | None, Field(min_length=1, description="Docker daemon: ssh://user@box or unix://…")] = None
    registry: Annotated[RegistryTable | None, Field(description="the registry drawn here")] = None

    def problems(self) -> list[str]:
        """What no single key shows."""
        if (self.stack is None) == (self.provider is None):
            return ["platform: valid: either stack or provider"]
        if self.stack is not None:
            extra = [key for key in ("host", "registry") if getattr(self, key) is not None]
            return [f"platform.{key}: valid: only beside provider; the platform's stack has it" for key in extra]
        return []

    def platform(self) -> PlatformConfig:
        """The core's form."""
        registry = self.registry or RegistryTable()
        return PlatformConfig(
            stack=self.stack or "", provider=self.provider or "", host=self.host or "", registry_port=registry.port
        )


class RouterTable(Table):
    """Where the stack's router takes requests."""

    port: Annotated[Port, Field(description="for requests")]
    bind: Annotated[str, Field(min_length=1, description="address both ports are bound to")] = "127.0.0.1"
    stats: Annotated[
        Annotated[int, Field(ge=0, le=65535)], Field(description="port for counters; 0: a free one is taken and kept")
    ] = 0


class StackTable(Table):
    """Every key of the namespace."""

    platform: Annotated[PlatformTable, Field(description="what the stack runs on")]
    router: Annotated[RouterTable | None, Field(description="needed where there are endpoints")] = None
    endpoints: Annotated[dict[Name, EndpointTable], Field(description="serving addresses by name")] = {}
    fence: Annotated[
        Annotated[int, Field(ge=0)] | None, Field(description="only ever in the driver's overlay copies")
    ] = None

    def problems(self) -> list[str]:
        """What no single key shows, each with its key path."""
        found = self.platform.problems()
        if self.endpoints and self.router is None:
            found.append("router: missing; valid: {port: 8081}")
        for name, endpoint in self.endpoints.items():
            found += [f"endpoints.{name}.{problem}" for problem in endpoint.problems()]
        return found + self._shared_paths()

    def _shared_paths(self) -> list[str]:
        first: dict[str, str] = {}
        found = []
        for name, endpoint in self.endpoints.items():
            other = first.setdefault(endpoint.path, name)
            if other != name:
                found.append(f"endpoints.{name}.path: found {endpoint.path!r} as in endpoints.{other}, valid: its own")
        return found

    def config(self) -> StackConfig:
        """The core's form."""
        return StackConfig(
            platform=self.platform.platform(),
            router=None if self.router is None else RouterConfig(**self.router.model_dump()),
            endpoints=tuple(table.endpoint(name) for name, table in self.endpoints.items()),
            fence=self.fence,
        )


def parse_stack_config(raw: Mapping[str, object], where: str) -> StackConfig:
    """Read the keys of the namespace, named without it and decoded.

    Args:
        raw: by key: platform, router, endpoints, fence.
        where: the file or stack they come from, for the message.

    Raises:
        UsageError: every problem with its key path, what was found and what is valid.
    """
    try:
        table = StackTable.model_validate(raw)
    except ValidationError as error:
        raise all_at_once(where, problems_of(error, raw, StackTable), _HINT) from error
    problems = table.problems()
    if problems:
        raise all_at_once(where, problems, _HINT)
    return table.config()


def json_schema() -> dict[str, Any]:
    """The JSON schema of the keys, for editors and docs."""
    return StackTable.model_json_schema()


def endpoint_to_config(endpoint: Endpoint) -> dict[str, object]:
    """The keys that a promotion changes: release, promotion, replicas, canary; what is absent must be left out."""
    config: dict[str, object] = {"promotion": endpoint.promotion, "replicas": endpoint.replicas}
    if endpoint.release is not None:
        config["release"] = str(endpoint.release)
    if endpoint.canary is not None:
        config["canary"] = _canary_to_config(endpoint.canary, endpoint.serving)
    return config


def _canary_to_config(canary: Canary, base: Serving) -> dict[str, object]:
    config: dict[str, object] = {
        "release": str(canary.release),
        "traffic": canary.traffic,
        "replicas": canary.replicas,
        "mirror": canary.mirror,
    }
    if canary.stable_replicas is not None:
        config["stableReplicas"] = canary.stable_replicas
    if canary.match is not None:
        config["match"] = {"header": canary.match.header, "value": canary.match.value}
    if canary.serving != base:
        config["endpoint"] = serving_to_config(canary.serving)
    return config


def serving_to_config(serving: Serving) -> dict[str, object]:
    """Every key of a replica's template, so that nothing is left to a default."""
    gpu, smoke, timeouts = serving.gpu, serving.probes.smoke, serving.timeouts
    probes: dict[str, object] = {"ready": serving.probes.ready}
    if smoke is not None:
        probes["smoke"] = {"method": smoke.method, "path": smoke.path, "body": smoke.body, "expect": smoke.expect}
    return {
        "port": serving.port,
        "resources": {"cpu": f"{serving.cpu_millis}m", "memory": serving.memory_bytes},
        "gpu": None if gpu is None else {"type": gpu.type, "count": gpu.count},
        "env": dict(serving.env),
        "secrets": dict(serving.secrets),
        "args": list(serving.args),
        "volumes": [{"name": v.name, "path": v.path, "readOnly": v.read_only} for v in serving.volumes],
        "shm": serving.shm_bytes,
        "timeouts": {
            "startup": _seconds(timeouts.startup),
            "request": _seconds(timeouts.request),
            "drain": _seconds(timeouts.drain),
        },
        "probes": probes,
    }


def _seconds(value: float) -> str:
    return f"{round(value * 1000)}ms"
