"""The keys that decide how a replica looks: their shape, and the way back from the core's form to keys."""

import json
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from towpath.core.contract import Gpu, Probes, Serving, Smoke, Timeouts, Volume
from towpath.schema.table import Table
from towpath.schema.units import Bytes, MilliCores, Seconds

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_NAME_FORM = "a name of at most 40 small letters, digits and dashes that begins with a letter"
_DRAIN = "how long a leaving replica may finish what it has begun; a stream that takes longer is cut"


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError(_NAME_FORM)
    return value


def url_path(value: str) -> str:
    """A path as it stands in a URL, without query and fragment.

    Raises:
        ValueError: with what would be valid.
    """
    if not value.startswith("/") or any(sign in value for sign in "?# ") or "//" in value:
        raise ValueError("a URL path that starts with /, without ? and #")
    return value


def _mount(value: str) -> str:
    if not value.startswith("/") or value == "/" or ".." in value.split("/"):
        raise ValueError("an absolute path inside the container")
    return value


def _variables(value: dict[str, str]) -> dict[str, str]:
    if not all(name.isidentifier() for name in value):
        raise ValueError("names of variables in letters, digits and _")
    return value


def _json_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


Name = Annotated[str, AfterValidator(_name)]
UrlPath = Annotated[str, AfterValidator(url_path)]
Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1, le=1000)]
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
    drain: Annotated[Seconds, Field(ge=0, description=_DRAIN)] = 15.0


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
    """A named volume that outlives replicas, for caches; whatever user an image has, its replicas may write there."""

    name: Annotated[Name, Field(description="unique within the endpoint")]
    path: Annotated[str, AfterValidator(_mount), Field(description="where it is mounted in the container")]
    readOnly: Annotated[bool, Field(description="the replica can't write it")] = False  # noqa: N815 - a key


class ServingTable(Table):
    """Everything of a replica but its image; with the image it decides the release's identity."""

    port: Annotated[Port, Field(description="where the container answers HTTP")] = 8080
    resources: Annotated[ResourcesTable, Field(description="limits of one replica")] = ResourcesTable()
    gpu: Annotated[GpuTable | None, Field(description="accelerators of one replica; absent: none")] = None
    env: Annotated[dict[str, str], AfterValidator(_variables)] = Field(
        default_factory=dict, description="plain variables"
    )
    secrets: Annotated[dict[str, Name], AfterValidator(_variables)] = Field(
        default_factory=dict,
        description="variable: NAME of a secret set with `pulumi config set --secret secrets:NAME`",
    )
    args: list[str] = Field(default_factory=list, description="appended to the image's entry point")
    volumes: list[VolumeTable] = Field(default_factory=list, description="caches that outlive replicas")
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
