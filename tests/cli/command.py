"""The command in process: a world of fakes, and streams that are read afterwards."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.scene import Scene
from tests.fakes.toolchain import FakeInstances, FakeMachine, fake_ports
from towpath.adapters.installed import InstalledPackages
from towpath.adapters.project import RealProject, RealUserFiles, ShippedScaffold
from towpath.app.build import BuildServices
from towpath.app.init import InitServices
from towpath.app.invoke import Answer
from towpath.app.ports import Releases
from towpath.app.services import Services
from towpath.app.setup_ports import SetupPorts
from towpath.cli.main import run
from towpath.cli.render import Output
from towpath.cli.session import Options
from towpath.core.errors import TowpathError
from towpath.core.pipeline import Pipeline

PACKAGE = Path(__file__).parents[2] / "src" / "towpath"


class Stream(io.StringIO):
    """A stream that is a terminal or isn't."""

    def __init__(self, text: str = "", *, terminal: bool = False) -> None:
        super().__init__(text)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal


class Breaking(Stream):
    """A stream that can't be written any more from when it has a trouble."""

    trouble: OSError | None = None

    def write(self, text: str) -> int:
        if self.trouble is not None:
            raise self.trouble
        return super().write(text)


@dataclass(kw_only=True)
class FakeCaller:
    """An endpoint that always says the same."""

    answer: Answer = field(default_factory=lambda: Answer(status=200, body=b'{"outputs": []}', seconds=0.0123))
    asked: list[tuple[str, bytes]] = field(default_factory=list)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        assert headers["content-type"] == "application/json"
        self.asked.append((url, body))
        return self.answer


@dataclass(kw_only=True)
class FakeWorld:
    """The scene, behind what a command asks for; `fails` is raised instead of the services."""

    scene: Scene = field(default_factory=Scene)
    fails: BaseException | None = None
    machine: FakeMachine = field(default_factory=FakeMachine)
    instances: FakeInstances = field(default_factory=FakeInstances)
    http: FakeCaller = field(default_factory=FakeCaller)
    builds: BuildServices | None = None
    asked: list[Options] = field(default_factory=list)

    def pipeline(self) -> Pipeline:
        return self.scene.services().pipeline

    def services(self) -> Services:
        if self.fails is not None:
            raise self.fails
        return self.scene.services()

    def releases(self) -> Releases:
        return self.scene.releases

    def build(self) -> BuildServices:
        assert self.builds is not None
        return self.builds

    def registry(self) -> str:
        return "localhost:5055"

    def setup(self) -> SetupPorts:
        return fake_ports(self.machine, self.instances)

    def init(self, folder: str) -> InitServices:
        return InitServices(
            project=RealProject(root=Path(folder)),
            files=RealUserFiles(),
            scaffold=ShippedScaffold(package=PACKAGE),
            packages=InstalledPackages(),
        )

    def caller(self) -> FakeCaller:
        return self.http

    def request_body(self, content: str) -> bytes:
        return content.encode()

    def engine_variables(self) -> dict[str, str]:
        return {"PULUMI_HOME": "/state/pulumi-home", "PATH": "/it's here:/bin"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What a command line left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on standard output."""
        document: dict[str, Any] = json.loads(self.out)
        return document


def deploy(
    *words: str, world: FakeWorld | None = None, typed: str = "", terminal: bool = False, color: bool = False
) -> Result:
    """Run one command line; `terminal` makes every stream one, and `typed` is what a person types."""
    chosen = world or FakeWorld()
    out, err = Stream(terminal=terminal), Stream(terminal=terminal)
    ticks = iter(range(10_000))
    output = Output(
        stdout=out, stderr=err, stdin=Stream(typed, terminal=terminal), color=color, now=lambda: next(ticks) / 10
    )

    def make_world(options: Options, _output: Output) -> FakeWorld:
        chosen.asked.append(options)
        return chosen

    code = run(words, output=output, make_world=make_world)
    return Result(code=code, out=out.getvalue(), err=err.getvalue())


def failing(error: TowpathError | BaseException) -> FakeWorld:
    """A world whose services end with this error."""
    return FakeWorld(fails=error)
