"""Short programs in the environment the command was started in."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from towpath.app.setup_ports import Command, Finished, Processes


class EnvironmentPrograms:
    """Runs programs with an environment that was given once."""

    def __init__(self, processes: Processes, env: Mapping[str, str]) -> None:
        self._processes = processes
        self._env = dict(env)

    def run(
        self,
        words: Sequence[str],
        *,
        cwd: str = "",
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float | None = None,
    ) -> Finished:
        """Run a program to its end, whatever its exit code; `env` is added to the environment.

        Raises:
            Missing: there is no such program, or it takes longer than `timeout` seconds.
        """
        command = Command(
            words=tuple(words),
            env={**self._env, **(env or {})},
            cwd=Path(cwd) if cwd else None,
            stdin=stdin.encode() if stdin else None,
            timeout=timeout,
        )
        return self._processes.run(command)
