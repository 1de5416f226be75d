"""The Automation API, made to run the CLI as this driver does; imported by the first run that changes or previews."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from pulumi.automation import CommandResult, LocalWorkspace, OutputMap, PulumiCommand, Stack, UpdateSummary
from pulumi.automation._stack import StackInitMode
from semver import VersionInfo

from towpath.adapters.engine_command import EngineCommand


class Automation:
    """The stacks of one project."""

    def __init__(self, project: str, version: str, command: EngineCommand) -> None:
        self._workspace = _Workspace(work_dir=project, pulumi_command=_Command(version, command))

    def stack(self, name: str) -> Stack:
        """A stack, whether it is in the backend or not."""
        return _Stack(name, self._workspace, StackInitMode.SELECT)

    def create(self, name: str) -> None:
        """Make an empty stack; rewrites its checked-in file."""
        self._workspace.create_stack(name)

    def remove(self, name: str) -> None:
        """Forget an empty stack; its checked-in file stays."""
        self._workspace.remove_stack(name, preserve_config=True)


class _Command(PulumiCommand):
    """Hands runs over.

    The Automation API's own way would leave the engine running when the driver is killed, and hand it the driver's
    whole environment.
    """

    def __init__(self, version: str, command: EngineCommand) -> None:
        # the base class runs `pulumi version` on the caller's PATH to learn what setup has already established
        self.command = command.path
        self.version = VersionInfo.parse(version)
        self._runs = command

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> CommandResult:
        """Run one command to its end. Output is only captured: the engine reports what it does as events."""
        del on_output, on_error
        done = self._runs.run(args, cwd, additional_env)
        return CommandResult(stdout=done.stdout.rstrip(), stderr=done.stderr.rstrip(), code=done.exit_code)


class _Workspace(LocalWorkspace):
    def select_stack(self, stack_name: str) -> None:
        """Nothing: selecting costs a run of the CLI and changes which stack the user's own commands mean."""


class _Stack(Stack):
    def outputs(self) -> OutputMap:
        """Nothing: they are in the events, without the secrets that this would read by two more runs of the CLI."""
        return {}

    def info(self, show_secrets: bool = True) -> UpdateSummary | None:  # noqa: FBT001, FBT002 - the base's signature
        """Of no update: reading it would take one more run of the CLI, and nobody looks."""
        del show_secrets
        return UpdateSummary(
            kind="", start_time=datetime.fromtimestamp(0, UTC), message="", environment={}, config={}, result=""
        )
