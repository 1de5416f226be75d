"""Programs as a person starts them: `deploy` and `pulumi` in subprocesses, to their end or to a line they print."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 300.0  # seconds; nothing in these tests takes nearly as long, even on a busy machine
_LOOK = 0.05


@dataclass(frozen=True, kw_only=True)
class Done:
    """A program that ended."""

    words: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    def ok(self) -> "Done":
        return self.ended(0)

    def ended(self, code: int) -> "Done":
        assert self.code == code, self.told()
        return self

    def told(self) -> str:
        return f"{' '.join(self.words)} ended with {self.code}\n{self.stdout}\n{self.stderr}"

    def parsed(self) -> Any:  # noqa: ANN401 - whatever JSON the program prints
        return json.loads(self.stdout)

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON object it printed."""
        parsed: dict[str, Any] = json.loads(self.stdout)
        return parsed


class Started:
    """A program under way, in a process group of its own, as a terminal gives it one."""

    def __init__(self, words: Sequence[str], *, cwd: Path, env: Mapping[str, str], log: Path) -> None:
        self._words, self._log = tuple(words), log
        log.mkdir(parents=True)
        with (log / "stdout").open("wb") as stdout, (log / "stderr").open("wb") as stderr:
            self._process = subprocess.Popen(
                words,
                cwd=cwd,
                env=dict(env),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def text(self) -> str:
        return (self._log / "stderr").read_text(errors="replace")

    def until(self, line: str, timeout: float = PATIENCE) -> None:
        """Wait for a text on standard error."""
        end = time.monotonic() + timeout
        while line not in self.text():
            code = self._process.poll()
            assert code is None or line in self.text(), f"ended with {code} before {line!r}\n{self._said()}"
            assert time.monotonic() < end, f"no {line!r} in {timeout} s\n{self._said()}"
            time.sleep(_LOOK)

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does."""
        os.killpg(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL to the driver alone."""
        self._process.kill()

    def end(self, timeout: float = PATIENCE) -> Done:
        deadline, guard = time.monotonic() + timeout, threading.Timer(timeout, self._process.kill)
        guard.daemon = True
        guard.start()
        try:
            code = self._process.wait()  # given a timeout, it would look only twenty times a second
        finally:
            guard.cancel()
        if time.monotonic() >= deadline:
            raise AssertionError(f"not done in {timeout} s\n{self._said()}")
        return Done(words=self._words, code=code, stdout=(self._log / "stdout").read_text(), stderr=self.text())

    def stop(self) -> None:
        """End it if it still runs; children that watch it go with it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _said(self) -> str:
        return f"{' '.join(self._words)}\n{(self._log / 'stdout').read_text()}\n{self.text()}"
