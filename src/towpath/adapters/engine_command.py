"""The Pulumi CLI as the Automation API calls it, run so that it can't outlive the driver."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from towpath.app.setup_ports import Command, Finished, Running

GRACE: Final = 20.0  # seconds the engine of a dead driver gets to end what it has begun and save its checkpoint
PATIENCE: Final = 8.0  # the same for one that the driver stops: somebody waits, and traffic may have to be moved
_LAST_PATIENCE: Final = 5.0
_LOOK: Final = 1.0


class Guard(Protocol):
    """Starts what must not outlive the driver."""

    def spawn_guarded(self, command: Command, *, grace: float) -> Running:
        """As `Processes.spawn_guarded`."""


class GuardedPulumi(PulumiCommand):
    """Runs the CLI under the guard, one run at a time.

    The Automation API's own way would leave the engine running when the driver is killed, and hand it the driver's
    whole environment.
    """

    def __init__(self, pulumi: str, version: str, environment: Mapping[str, str], processes: Guard) -> None:
        # the base class runs `pulumi version` on the caller's PATH to learn what setup has already established
        self.command = pulumi
        self.version = VersionInfo.parse(version)
        self._environment = dict(environment)
        self._processes = processes
        self._state = threading.Lock()
        self._running: Running | None = None
        self._ended = threading.Event()
        self._ended.set()
        self._patience = PATIENCE
        self.interrupted = False

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> CommandResult:
        """Run one command to its end; raises the Automation API's errors when it fails.

        Output is only captured: the engine reports what it does as events.
        """
        del on_output, on_error
        command = Command(
            words=(self.command, "--non-interactive", *args),
            env={**self._environment, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            cwd=Path(cwd),
        )
        finished = self._run(command)
        result = CommandResult(
            stdout=finished.stdout.rstrip(), stderr=finished.stderr.rstrip(), code=finished.exit_code
        )
        if result.code != 0:
            raise create_command_error(result)
        return result

    def interrupt(self) -> None:
        """Stop the run under way, if any, and wait until it is gone; from any thread but the one that runs it."""
        with self._state:
            running = self._running
            if running is None:
                return
            self.interrupted = True
        running.interrupt()
        if not self._ended.wait(self._patience):
            running.interrupt()
            if not self._ended.wait(_LAST_PATIENCE):
                running.kill()
                self._ended.wait()

    def _run(self, command: Command) -> Finished:
        running = self._begin(command)
        finished = None
        try:
            while finished is None:
                finished = running.wait(_LOOK)
        finally:
            if finished is None:  # Ctrl-C reached this thread: the engine, in a session of its own, doesn't know yet
                _stop(running, self._patience)
            with self._state:
                self._running = None
            self._ended.set()
        return finished

    def _begin(self, command: Command) -> Running:
        with self._state:
            self.interrupted = False
            self._ended.clear()
            self._running = self._processes.spawn_guarded(command, grace=GRACE)
            return self._running


def _stop(running: Running, patience: float) -> None:
    running.interrupt()
    if running.wait(patience) is None:
        running.interrupt()
        if running.wait(_LAST_PATIENCE) is None:
            running.kill()
            running.wait()
