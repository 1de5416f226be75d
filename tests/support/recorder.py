"""Runs the stacks' program without an engine and keeps what it asked for."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
import yaml
from google.protobuf import json_format
from pulumi.runtime import set_all_config, settings
from pulumi.runtime.mocks import MockMonitor, MockResourceArgs, Mocks, set_mocks
from pulumi.runtime.stack import run_in_stack

from infra.docker.provider import plain
from stacks.program import run

ROOT = Path(__file__).resolve().parents[2]
PLATFORM_OUTPUTS: Mapping[str, object] = {
    "instance": "i1",
    "registry": "localhost:5055",
    "network": "towpath-i1-platform-network",
    "routerImage": "router:1",
    "dockerHost": "",
    "provider": "docker",
}
_SIGNATURE = "4dabf18193072939515e22adb298388d"  # marks a value of a special kind in Pulumi's wire format
_SECRET = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """One resource that the program asked for.

    Attributes:
        type: its kind.
        name: its name.
        inputs: what it was asked for with; secrets masked, whole numbers whole.
        parent: name of its parent.
        depends_on: names of what must be there before it, sorted.
    """

    type: str
    name: str
    inputs: Mapping[str, Any]
    parent: str
    depends_on: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """All that one run asked for and exported."""

    resources: tuple[Recorded, ...]
    outputs: Mapping[str, Any]

    def named(self, name: str) -> Recorded:
        """The resource of that name."""
        return next(resource for resource in self.resources if resource.name == name)

    def names(self) -> set[str]:
        """Every resource's name."""
        return {resource.name for resource in self.resources}

    def of_type(self, suffix: str) -> tuple[Recorded, ...]:
        """Every resource of a kind, by the end of its type."""
        return tuple(resource for resource in self.resources if resource.type.endswith(suffix))

    def as_json(self) -> str:
        """For a golden file: sorted, one fact a line."""
        entries = [
            {
                "type": r.type,
                "name": r.name,
                "parent": r.parent,
                "dependsOn": list(r.depends_on),
                "inputs": dict(r.inputs),
            }
            for r in sorted(self.resources, key=lambda r: (r.type, r.name))
        ]
        return json.dumps({"outputs": self.outputs, "resources": entries}, indent=2, sort_keys=True) + "\n"


def record(
    stack: str,
    config: Mapping[str, object],
    *,
    last: Mapping[str, object] | None = None,
    secrets: Mapping[str, str] | None = None,
    root: Path = ROOT,
) -> Graph:
    """Run the program on a config whose keys have their namespace.

    Args:
        stack: its name.
        config: the `config` map of a stack file.
        last: what the stack exported last; absent: it was never drawn.
        secrets: by name, without namespace.
        root: the repository; a stack that draws a platform reads the instance file below it.
    """
    references = {
        f"organization/towpath/{stack}": last or {},
        "organization/towpath/platform": PLATFORM_OUTPUTS if stack != "platform" else last or {},
    }
    monitor = _Recorder(references)
    given = {f"secrets:{name}": value for name, value in (secrets or {}).items()}
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    asyncio.run(_run(monitor, stack, {**texts, **given}, list(given), root))
    return Graph(resources=tuple(monitor.seen), outputs=monitor.outputs)


def stack_file(stack: str) -> dict[str, Any]:
    """The `config` map of a checked-in stack file."""
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)["config"]
    return config


async def _run(monitor: "_Recorder", stack: str, config: dict[str, str], secret_keys: list[str], root: Path) -> None:
    set_mocks(monitor.mocks, project="towpath", stack=stack, monitor=monitor, organization="organization")
    # a refused run leaves work undone, which the next one would wait for
    settings.SETTINGS.outputs.clear()
    settings._get_rpc_manager().clear()
    settings.ROOT.set(None)  # the one that the mocks made; a run makes its own
    # a refusal reaches us by itself; the other resources that waited for it need not be heard
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
    set_all_config(config, secret_keys)
    await run_in_stack(lambda: run(root))


class _Mocks(Mocks):
    def __init__(self, references: Mapping[str, Mapping[str, object]]) -> None:
        self._references = references

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        if args.typ == "pulumi:pulumi:StackReference":
            outputs = self._references.get(args.inputs["name"], {})
            return args.name, {"name": args.inputs["name"], "outputs": outputs, "secretOutputNames": []}
        made: dict[str, Any] = {"statsPort": 18081} if args.typ.endswith(":Router") else {}
        if args.typ.endswith(":Replica"):
            made = {"alias": f"host-of-{args.inputs['releaseId']}"}
        return f"{args.name}-id", {**args.inputs, **made}

    def call(self, args: pulumi.runtime.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise NotImplementedError(args.token)


class _Recorder(MockMonitor):
    def __init__(self, references: Mapping[str, Mapping[str, object]]) -> None:
        super().__init__(_Mocks(references))
        self.seen: list[Recorded] = []
        self.outputs: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401,N802 - Pulumi's own names and wire types
        if request.type != "pulumi:pulumi:Stack":
            self.seen.append(
                Recorded(
                    type=request.type,
                    name=request.name,
                    inputs=_shown(json_format.MessageToDict(request.object)),
                    parent=_name_of(request.parent),
                    depends_on=tuple(sorted({_name_of(urn) for urn in request.dependencies})),
                )
            )
        call = super().RegisterResource
        return _with_loop(lambda: call(request))  # type: ignore[no-untyped-call]  # Pulumi types no mocks

    def ReadResource(self, request: Any) -> Any:  # noqa: ANN401,N802 - as above
        call = super().ReadResource
        return _with_loop(lambda: call(request))  # type: ignore[no-untyped-call]  # Pulumi types no mocks

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: ANN401,N802 - as above
        if "pulumi:pulumi:Stack" in request.urn:
            self.outputs = _shown(json_format.MessageToDict(request.outputs))
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]  # as above


def _with_loop(call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever Pulumi answers
    """Pulumi's mocks run on worker threads and want an event loop there, which they would leave open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        return call()
    finally:
        asyncio.set_event_loop(None)
        loop.close()


def _name_of(urn: str) -> str:
    return urn.rpartition("::")[2]


def _shown(value: Any) -> Any:  # noqa: ANN401 - whatever a message holds
    if isinstance(value, list):
        return [_shown(entry) for entry in value]
    if not isinstance(value, dict):
        return plain(value)
    if value.get(_SIGNATURE) == _SECRET:
        return "[secret]"
    return {key: _shown(entry) for key, entry in sorted(value.items()) if key != "__provider"}
