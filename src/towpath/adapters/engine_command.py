"""The Pulumi CLI, run so that it cannot outlive the driver; without the SDK, which takes longer than a reading."""

import re
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from towpath.app.setup_ports import Command, Finished, Running

GRACE: Final = 20.0  # seconds the engine of a dead driver gets to end what it has begun and save its checkpoint
PATIENCE: Final = 8.0  # the same for one that the driver stops: somebody waits, and traffic may have to be moved
_LAST_PATIENCE: Final = 5.0
_LOOK: Final = 1.0
_KILLED: Final = 128 + signal.SIGKILL  # as the guard tells it


class Guard(Protocol):
    """Starts what must not outlive the driver."""

    def spawn_guarded(self, command: Command, *, grace: float) -> Running:
        """As `Processes.spawn_guarded`."""


class EngineError(Exception):
    """A run that ended with another code than 0; the text is what it printed, errors last."""


class NoStackError(EngineError):
    """The stack isn't in the backend."""


class StackLockedError(EngineError):
    """Another engine has the stack."""


_KINDS: Final = (
    (re.compile("no stack named.*found"), NoStackError),
    (re.compile(r"the stack is currently locked by|\[409\] Conflict: Another update"), StackLockedError),
)


class EngineCommand:
    """Runs the CLI under the guard, one run at a time, with an environment of its own.

    Attributes:
        interrupted: the last run was stopped by `interrupt`.
        killed: the last run had no time to clear up: its lock is still there.
    """

    def __init__(self, pulumi: str, environment: Mapping[str, str], processes: Guard) -> None:
        self.path = pulumi
        self._environment = dict(environment)
        self._processes = processes
        self._state = threading.Lock()
        self._running: Running | None = None
        self._patience = PATIENCE
        self.interrupted = False
        self.killed = False

    def run(
        self,
        arguments: list[str],
        folder: str,
        additional: Mapping[str, str],
        meanwhile: Callable[[], object] = lambda: None,
    ) -> Finished:
        """Run one command to its end; `meanwhile` is called as soon as it is under way.

        Raises:
            EngineError: it ended with another code than 0.
        """
        finished = self._run(
            Command(
                words=(self.path, "--non-interactive", *arguments),
                env={**self._environment, **additional, "PULUMI_AUTOMATION_API": "true"},
                cwd=Path(folder),
            ),
            meanwhile,
        )
        if finished.exit_code != 0:
            kind = next((kind for sign, kind in _KINDS if sign.search(finished.stderr)), EngineError)
            raise kind(f"{finished.stdout}\n{finished.stderr}")
        return finished

    def interrupt(self) -> None:
        """Stop the run under way, if any, and wait until it is gone; Ctrl-C meanwhile hastens that."""
        with self._state:
            running = self._running
            if running is None:
                return
            self.interrupted = True
        _stop(running, self._patience)

    def _run(self, command: Command, meanwhile: Callable[[], object]) -> Finished:
        running, finished = self._begin(command), None
        try:
            meanwhile()
            while finished is None:
                finished = running.wait(_LOOK)
        finally:
            self._end(running, finished)
        return finished

    def _begin(self, command: Command) -> Running:
        with self._state:
            self.interrupted = self.killed = False
            self._running = self._processes.spawn_guarded(command, grace=GRACE)
            return self._running

    def _end(self, running: Running, finished: Finished | None) -> None:
        left = finished
        try:
            if left is None:  # Ctrl-C reached this thread: the engine, in a session of its own, doesn't know yet
                left = _stop(running, self._patience)
        finally:
            with self._state:
                if self._running is running:  # who interrupted it may have begun the next one
                    self._running = None
                    self.killed = left is None or left.exit_code == _KILLED


def _stop(running: Running, patience: float) -> Finished | None:
    """Ask it to end, ask again, kill it; each Ctrl-C meanwhile goes on to the next, so that none leaves it running."""
    ladder = ((running.interrupt, patience), (running.interrupt, _LAST_PATIENCE), (running.kill, _LAST_PATIENCE))
    for order, seconds in ladder:
        with suppress(KeyboardInterrupt):
            order()
            finished = running.wait(seconds)
            if finished is not None:
                return finished
    return None
