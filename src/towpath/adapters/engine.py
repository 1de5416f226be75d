"""The Pulumi engine: what changes goes through its Automation API, what only reads or previews through its CLI."""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from towpath.adapters.engine_command import EngineCommand, EngineError, Guard, NoStackError, StackLockedError
from towpath.adapters.engine_event_log import events_in
from towpath.adapters.engine_events import RunLog, listed
from towpath.adapters.engine_folder import Mark, living_lock, state_mark, state_outputs
from towpath.app.aside import Later
from towpath.app.ports import Change, Overlay, Report
from towpath.core.errors import Busy, Interrupted, NeedsPerson, Refused, TowpathError
from towpath.core.outputs import StackOutputs, parse_outputs

if TYPE_CHECKING:
    from towpath.adapters.engine_automation import Automation

_LOCK: Final = re.compile(r"created by (\S+) \(pid (\d+)\) at (\S+)")
_QUIET: Final[Mapping[str, Any]] = {"color": "never", "suppress_outputs": True, "suppress_progress": True}
_QUIETLY: Final = ("--color", "never", "--suppress-outputs", "--suppress-progress")
_DEBUGGING: Final = {"PULUMI_DEBUG_COMMANDS": "true"}  # else the CLI knows no --event-log; the API sets it too


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineProgram:
    """How the CLI is started.

    Attributes:
        pulumi: path of the executable.
        version: its version, as setup found it.
        environment: everything it gets as environment; nothing is added from this process.
    """

    pulumi: str
    version: str
    environment: Mapping[str, str]


class PulumiEngine:
    """Implements `ports.Engine` on the project in one folder.

    Every run works on a private copy of its config file, because the CLI writes a salt into one that has none.

    Args:
        project: folder of Pulumi.yaml.
        program: the CLI.
        processes: starts it.
        report: where resources that were changed are named.
        beside: done once in a thread while the first preview or change goes on, after the import of the SDK.
        imports: held while the SDK is imported.
    """

    def __init__(
        self,
        project: Path,
        program: EngineProgram,
        processes: Guard,
        report: Report,
        beside: Callable[[], object] = lambda: None,
        imports: AbstractContextManager[object] | None = None,
    ) -> None:
        self._project = project
        self._environment = program.environment
        self._version = program.version
        self._report = report
        self._command = EngineCommand(program.pulumi, program.environment, processes)
        self._automation = Later(self._imported, imports)
        self._beside = beside
        self._rest = Later(self._load)
        self._read: dict[str, tuple[Mark, StackOutputs]] = {}
        self._locked: set[str] = set()  # by an engine of this driver that was killed

    def preview(self, stack: str, config: Overlay) -> tuple[Change, ...]:
        """What an `up` would touch, without `same`.

        Raises:
            Refused: the program, or a resource's own check, refused the config.
            Busy: another engine holds the stack's lock.
        """
        log = RunLog(say=_say_nothing)
        with self._config(stack, config.path) as file, self._translated(stack, log, "plan", previewing=True):
            self._on_stack(stack, lambda: self._preview(stack, file, log))
        return listed(log.changes.values())

    def up(self, stack: str, config: Overlay, *, targets: Sequence[str] = ()) -> StackOutputs:
        """Draw what the config says, of everything or of the `targets` alone, and give back what was exported.

        Raises:
            Refused: the program refused the config before anything was touched.
            Busy: another engine holds the stack's lock.
            NeedsPerson: the run failed part-way; the message is the failing resource's own.
            Interrupted: it was stopped by `interrupt`.
        """
        log, target = RunLog(say=self._say(stack)), list(targets) or None
        with self._config(stack, config.path) as file, self._translated(stack, log, "up"):
            self._on_stack(stack, lambda: self._up(stack, file, target, log))
        return self.outputs(stack) if log.outputs is None else parse_outputs(log.outputs, stack)

    def outputs(self, stack: str) -> StackOutputs:
        """What the stack last exported, secrets masked; empty for one that was never drawn.

        Read from the stack's state where that is a file, else asked of the engine; not again while the state is the
        same.
        """
        mark = state_mark(self._project, self._environment, stack)  # before asking: a newer answer is no harm
        known = self._read.get(stack)
        if known is not None and known[0] == mark:
            return known[1]
        try:
            outputs = parse_outputs(self._exported(stack), stack)
        except NoStackError:
            return StackOutputs()
        if mark is not None:
            self._read[stack] = mark, outputs
        return outputs

    def _exported(self, stack: str) -> Mapping[str, Any]:
        read = state_outputs(self._project, self._environment, stack)
        told: Mapping[str, Any] = json.loads(self._ask(stack, "stack", "output", "--json")) if read is None else read
        return told

    def history_version(self, stack: str) -> int:
        """Number of the stack's last finished update; 0 when there is none."""
        try:
            updates = json.loads(self._ask(stack, "stack", "history", "--json"))
        except NoStackError:
            return 0
        return int(updates[0]["version"]) or len(updates) if updates else 0  # a backend of files doesn't number them

    def destroy(self, stack: str) -> None:
        """Remove every resource of the stack, then its state; the checked-in file stays.

        Raises:
            Busy: another engine holds the stack's lock.
            NeedsPerson: something could not be removed.
        """
        log = RunLog(say=self._say(stack))
        with self._config(stack, self._stack_file(stack)) as file, self._translated(stack, log, "destroy"):
            try:
                self._automation.result().stack(stack).destroy(config_file=file, on_event=log.take, **_QUIET)
                self._automation.result().remove(stack)
            except NoStackError:
                return

    def unlock(self, stack: str) -> None:
        """Clear what a dead engine left: its lock and its pending operations, after the old one is surely gone.

        Raises:
            Busy: the lock isn't the dead one's: somebody's engine runs on this machine.
        """
        living = living_lock(self._project, self._environment, stack)
        if living:
            raise Busy(f"{stack} is locked by {living}", "wait until it is done")
        log = RunLog(say=self._say(stack))
        with self._translated(stack, log, "refresh"):
            try:
                self._ask(stack, "cancel", "--yes")
            except NoStackError:
                return
            if not self._has_pending(stack):
                return
            with self._config(stack, self._stack_file(stack)) as file:
                self._automation.result().stack(stack).refresh(
                    config_file=file, clear_pending_creates=True, on_event=log.take, **_QUIET
                )

    def interrupt(self) -> None:
        """Stop the run that this process has under way, if any, and wait until it is gone."""
        self._command.interrupt()

    def _has_pending(self, stack: str) -> bool:
        deployment = json.loads(self._ask(stack, "stack", "export")).get("deployment") or {}
        return bool(deployment.get("pending_operations"))

    def _ask(self, stack: str, *words: str) -> str:
        try:
            return self._command.run([*words, "--stack", stack], str(self._project), {}).stdout
        except NoStackError:
            raise
        except EngineError as error:
            raise self._failed(error, stack, RunLog(say=_say_nothing), words[0]) from error

    def _imported(self) -> "Automation":
        """In a thread, always: a Ctrl-C comes to the main one, and breaks no import in two."""
        from towpath.adapters.engine_automation import Automation  # noqa: PLC0415 - half a second that readings save

        return Automation(str(self._project), self._version, self._command)

    def _load(self) -> None:
        self._automation.result()
        self._beside()

    def _on_stack(self, stack: str, act: Callable[[], object]) -> None:
        if stack in self._locked:  # nobody else would clear it: this driver has the lease
            self.unlock(stack)
            self._locked.remove(stack)
        try:
            act()
        except NoStackError:
            self._create(stack)
            act()

    def _up(self, stack: str, file: str, target: list[str] | None, log: RunLog) -> None:
        self._rest.begin()
        self._automation.result().stack(stack).up(config_file=file, target=target, on_event=log.take, **_QUIET)

    def _preview(self, stack: str, file: str, log: RunLog) -> None:
        """As the Automation API would, but begun before that is imported: all that comes after waits for it."""
        said = Path(file).with_name("events")
        words = ["preview", "--stack", stack, "--config-file", file, "--event-log", str(said), *_QUIETLY]
        try:
            self._command.run(words, str(self._project), _DEBUGGING, self._rest.begin)
        finally:
            with suppress(FileNotFoundError), said.open(encoding="utf-8", errors="replace") as lines:
                for event in events_in(lines):
                    log.take(event)
        if not log.ended:
            raise EngineError("the preview didn't say what it saw")

    def _create(self, stack: str) -> None:
        """Make an empty stack; the CLI would rewrite the checked-in file without its comments."""
        file = self._stack_file(stack)
        before = file.read_bytes() if file.exists() else None
        try:
            self._automation.result().create(stack)
        finally:
            if before is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(before)

    def _stack_file(self, stack: str) -> Path:
        return self._project / f"Pulumi.{stack}.yaml"

    def _say(self, stack: str) -> Callable[[str], None]:
        return lambda text: self._report.line(f"{stack}: {text}")

    @contextmanager
    def _config(self, stack: str, path: str | Path) -> Iterator[str]:
        with tempfile.TemporaryDirectory(prefix="towpath-") as folder:
            copy = Path(folder) / f"Pulumi.{stack}.yaml"
            _make_private(copy)
            source = Path(path)
            copy.write_text(source.read_text() if source.exists() else "")
            yield str(copy)

    @contextmanager
    def _translated(self, stack: str, log: RunLog, verb: str, *, previewing: bool = False) -> Iterator[None]:
        try:
            yield
        except EngineError as error:
            failed = self._failed(error, stack, log, verb)
            if previewing and isinstance(failed, NeedsPerson):
                raise Refused(failed.message, failed.hint) from error
            raise failed from error
        finally:
            if self._command.killed:
                self._locked.add(stack)

    def _failed(self, error: EngineError, stack: str, log: RunLog, verb: str) -> TowpathError:
        if self._command.interrupted:
            return Interrupted(f"{verb} of {stack} was stopped", f"`deploy resume {stack}` goes on")
        if isinstance(error, StackLockedError):
            return _locked(stack, error)
        message = log.message() or _last_words(error)
        if log.refused:
            return Refused(f"the program refused to draw {stack}: {message}")
        return NeedsPerson(f"{verb} of {stack} failed: {message}")


def _locked(stack: str, error: EngineError) -> Busy:
    found = _LOCK.search(str(error))
    holder = f"by {found[1]} (process {found[2]}, since {found[3]})" if found else "by another engine"
    return Busy(f"{stack} is locked {holder}", f"wait until it is done; a dead one's: pulumi cancel -s {stack}")


def _last_words(error: EngineError) -> str:
    """For failures before the first event, where the CLI's own error line is all there is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = [line.rpartition("error: ")[2] for line in lines if "error: " in line]
    return said[-1] if said else (lines[-1] if lines else "it said nothing")


def _make_private(path: Path) -> None:
    path.touch(mode=0o600)
    path.chmod(0o600)


def _say_nothing(_text: str) -> None:
    pass
