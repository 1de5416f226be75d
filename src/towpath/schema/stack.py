"""The `towpath:` keys of a stack file: their shape and their cross checks."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError

from towpath.core.contract import (
    Canary,
    Endpoint,
    Match,
    PlatformConfig,
    RouterConfig,
    Serving,
    StackConfig,
    release_id,
)
from towpath.core.errors import UsageError, all_at_once
from towpath.core.release import parse_image
from towpath.schema.problems import problems_of
from towpath.schema.serving import Count, Name, Port, ServingTable, serving_to_config, url_path
from towpath.schema.table import Table

_HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
_HINT = "every key is explained in docs/configuration.md; nothing was changed"


def _release(value: str) -> str:
    try:
        return str(parse_image(value))
    except UsageError as error:
        raise ValueError(f"an image by digest ({error.message}; {error.hint})") from error


def _prefix(value: str) -> str:
    return "/" + url_path(value).strip("/")


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("a header's name in letters, digits and dashes")
    return value


Release = Annotated[str, AfterValidator(_release)]
Percent = Annotated[float, Field(ge=0, le=100, strict=False)]


class OverridesTable(ServingTable):
    """Keys of the endpoint that look otherwise in the candidate; each replaces the endpoint's own as a whole."""


class MatchTable(Table):
    """Requests that carry this header go to the canary whatever its traffic."""

    header: Annotated[str, AfterValidator(_header), Field(description="the header's name")]
    value: Annotated[str, Field(min_length=1, description="its exact value")]


class CanaryTable(Table):
    """The candidate beside the stable arm; only ever in the driver's overlay copies, in a file `deploy` refuses it.

    The driver sets `release`, `traffic` and `replicas`, and so far nothing else.
    """

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
        plain = {name: getattr(base, name) for name in ServingTable.model_fields}
        changed = () if self.endpoint is None else self.endpoint.model_fields_set
        return ServingTable.model_construct(**plain | {name: getattr(self.endpoint, name) for name in changed})

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
    endpoints: dict[Name, EndpointTable] = Field(default_factory=dict, description="serving addresses by name")
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
