"""What `deploy setup` and `deploy doctor` need from the machine."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from towpath.core.errors import Missing
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


class TimedOut(Missing):
    """A program was killed because it took longer than it was given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A program to run, as data.

    Attributes:
        words: the program and its arguments; never a shell string, never a secret.
        env: the whole environment of the program.
        timeout: seconds until it is killed; none when it may take as long as it likes.
        stdin: what it reads; the caller's standard input is never passed on.
        on_line: called with each line of output, masked, as it comes.
        secrets: values replaced by `[secret]` in everything captured.
    """

    words: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    cwd: Path | None = None
    timeout: float | None = None
    stdin: bytes | None = field(default=None, repr=False)
    on_line: Callable[[str], None] | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What a program left behind; secrets are masked in both texts. A killing signal n is exit code -n."""

    exit_code: int
    stdout: str
    stderr: str


class Running(Protocol):
    """A guarded program: it and all its descendants die with this process."""

    @property
    def pid(self) -> int:
        """The process id of the guard."""

    def interrupt(self) -> None:
        """Ask it to stop as Ctrl-C does; it may save its state."""

    def kill(self) -> None:
        """End it and all its descendants at once."""

    def wait(self, timeout: float | None = None) -> Finished | None:
        """What it left behind, or nothing when it still runs after `timeout` seconds."""


class Processes(Protocol):
    """Runs programs."""

    def run(self, command: Command) -> Finished:
        """Run to the end. Raises `Missing` when there is no such program, `TimedOut` when it takes too long."""

    def spawn_guarded(self, command: Command, *, grace: float) -> Running:
        """Start it in a session of its own that ends `grace` seconds after this process dies, however it dies."""

    def start_detached(self, command: Command, log: Path) -> int:
        """Start a service that outlives this process; its output goes to `log`. Returns its process id."""


class Report(Protocol):
    """Tells the user what is done and why."""

    def step(self, thing: str, what: str) -> None:
        """Say what happens next to `thing`, and why."""

    def progress(self, thing: str, note: str) -> None:
        """Say how far a step that takes longer than a second has come."""

    def done(self, thing: str, outcome: str) -> None:
        """Say what `thing` is now."""


class Machine(Protocol):
    """Reads what this machine has; changes nothing."""

    def engine_facts(self, instance: Instance | None, *, offline: bool) -> EngineFacts:
        """Which engines are there or can be had."""

    def docker_facts(self) -> DockerFacts:
        """Whether the Docker daemon answers, and if not, what could be done."""

    def image_facts(self, instance: Instance | None, *, offline: bool) -> ImageFacts:
        """Which images the instance has and how missing ones could be had."""

    def tool_facts(self) -> tuple[ToolFacts, ...]:
        """Versions of what else is used, and the free disk space."""


class Engines(Protocol):
    """Gets a Pulumi engine; a result can be used at once and was run once."""

    def obtain(self, source: EngineSource, facts: EngineFacts, report: Report) -> Engine:
        """The engine from `source`. Raises `Missing` with a remedy when that fails."""

    def stop(self) -> None:
        """Give up what `obtain` has under way in another thread, if anything."""

    def install(self, engine: Engine) -> Engine:
        """Fill the instance's folder of executables; returns the engine as it is to be run. Repeatable."""


class DockerSetup(Protocol):
    """Mends the Docker daemon of this machine."""

    def install(self, report: Report) -> None:
        """Install the system's own Docker package."""

    def start(self, report: Report) -> None:
        """Start the daemon and wait until it answers."""


class Images(Protocol):
    """Gets the images that platforms are made of, into the Docker daemon."""

    def base(self, alias: str, source: ImageSource, report: Report) -> BaseImage:
        """The image that models are built on."""

    def registry(self, source: ImageSource, report: Report) -> str:
        """A reference that `docker run` takes, of an image that serves a registry on port 5000."""

    def router(self, source: ImageSource, report: Report) -> str:
        """A reference that `docker run` takes, of an image with `envoy` on its path and a shell."""


class Instances(Protocol):
    """Keeps the instance of this checkout."""

    def load(self) -> Instance | None:
        """The instance as setup left it, or nothing. Raises `Damaged` for a file that setup can write anew."""

    def save(self, instance: Instance) -> None:
        """Replace the instance at once or not at all."""

    def kept_id(self) -> str:
        """The id, wherever it still stands; empty where there was never one. Raises as `core.instance.kept_id`."""

    def new_id(self) -> str:
        """Eight hexadecimal digits that no other instance has."""

    def prepare(self) -> None:
        """Make the folders and the passphrase of the local state where they are missing."""

    def lock(self) -> AbstractContextManager[None]:
        """Held during a setup. Raises `Busy` when another one holds it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SetupPorts:
    """All that setup and doctor act through."""

    machine: Machine
    engines: Engines
    docker: DockerSetup
    images: Images
    instances: Instances
