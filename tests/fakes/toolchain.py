"""A machine in memory: what setup mends shows in its facts."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from towpath.app.setup_ports import Report, SetupPorts
from towpath.core.errors import Busy
from towpath.core.instance import Damaged
from towpath.core.toolchain import (
    BaseImage,
    DockerFacts,
    Engine,
    EngineFacts,
    EngineSource,
    ImageFacts,
    ImageSource,
    Instance,
    ToolFacts,
)

ALL_IMAGES = ("base", "registry", "router")
RUNNING = DockerFacts(trouble="", detail="28.0.0")
BUILT = Engine(pulumi="/cache/pulumi", source="cache", version="3.259.0", language_host="stand-in")


@dataclass(kw_only=True)
class FakeReport:
    said: list[tuple[str, str, str]] = field(default_factory=list)

    def step(self, thing: str, what: str) -> None:
        self.said.append(("step", thing, what))

    def progress(self, thing: str, note: str) -> None:
        self.said.append(("progress", thing, note))

    def done(self, thing: str, outcome: str) -> None:
        self.said.append(("done", thing, outcome))


@dataclass(kw_only=True)
class FakeMachine:
    engine: EngineFacts = field(default_factory=lambda: EngineFacts(offline=False, cached=BUILT))
    docker: DockerFacts = RUNNING
    images: ImageFacts = field(default_factory=lambda: ImageFacts(offline=False, missing=ALL_IMAGES, registries=True))
    tools: tuple[ToolFacts, ...] = ()
    actions: list[str] = field(default_factory=list)
    stopped: bool = False

    def engine_facts(self, instance: Instance | None, *, offline: bool) -> EngineFacts:
        return replace(self.engine, offline=offline, recorded=instance is not None)

    def docker_facts(self) -> DockerFacts:
        return self.docker

    def image_facts(self, instance: Instance | None, *, offline: bool) -> ImageFacts:
        missing = self.images.missing if instance is not None else ALL_IMAGES
        return replace(self.images, offline=offline, missing=missing)

    def tool_facts(self) -> tuple[ToolFacts, ...]:
        return self.tools


@dataclass(kw_only=True)
class FakeEngines:
    machine: FakeMachine

    def obtain(self, source: EngineSource, facts: EngineFacts, _report: Report) -> Engine:
        self.machine.actions.append(f"engine from {source}")
        present = {"path": facts.found, "cache": facts.cached}.get(source)
        if present is not None:
            return present
        engine = replace(BUILT, source=source, language_host="official" if source == "installer" else "stand-in")
        self.machine.engine = replace(self.machine.engine, cached=replace(engine, source="cache"))
        return engine

    def stop(self) -> None:
        self.machine.stopped = True

    def install(self, engine: Engine) -> Engine:
        return engine


@dataclass(kw_only=True)
class FakeDockerSetup:
    machine: FakeMachine
    starts: bool = True

    def install(self, _report: Report) -> None:
        self.machine.actions.append("install Docker")
        self.machine.docker = replace(self.machine.docker, trouble="stopped")

    def start(self, _report: Report) -> None:
        self.machine.actions.append("start Docker")
        if self.starts:
            self.machine.docker = replace(self.machine.docker, trouble="", detail="20.10")


@dataclass(kw_only=True)
class FakeImages:
    machine: FakeMachine
    fails: Exception | None = None

    def base(self, alias: str, source: ImageSource, _report: Report) -> BaseImage:
        self._note(f"{source} base")
        return BaseImage(image=f"{source}/{alias}", digest="sha256:ba5e", layout="/cache" if source == "local" else "")

    def registry(self, source: ImageSource, _report: Report) -> str:
        self._note(f"{source} registry")
        return f"{source}/registry"

    def router(self, source: ImageSource, _report: Report) -> str:
        self._note(f"{source} router")
        self.machine.images = replace(self.machine.images, missing=())
        return f"{source}/router"

    def _note(self, action: str) -> None:
        self.machine.actions.append(action)
        if self.fails is not None:
            raise self.fails


@dataclass(kw_only=True)
class FakeInstances:
    instance: Instance | None = None
    saved: int = 0
    held: bool = False
    prepared: bool = False
    damaged: bool = False
    kept: str = ""

    def load(self) -> Instance | None:
        if self.damaged:
            raise Damaged("instance.json isn't JSON")
        return self.instance

    def kept_id(self) -> str:
        return self.kept

    def save(self, instance: Instance) -> None:
        self.saved += 1
        self.instance = instance

    def new_id(self) -> str:
        return "0123abcd"

    def prepare(self) -> None:
        self.prepared = True

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        if self.held:
            raise Busy("another setup is running (process 7)")
        self.held = True
        try:
            yield
        finally:
            self.held = False


def fake_ports(machine: FakeMachine, instances: FakeInstances | None = None, *, starts: bool = True) -> SetupPorts:
    return SetupPorts(
        machine=machine,
        engines=FakeEngines(machine=machine),
        docker=FakeDockerSetup(machine=machine, starts=starts),
        images=FakeImages(machine=machine),
        instances=instances or FakeInstances(),
    )
