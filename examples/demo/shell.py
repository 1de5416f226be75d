"""Runs commands as somebody in a shell would, and shows what they print while they print it."""

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import join
from typing import IO, Final

from examples.demo.screen import Screen

_TICK: Final = 0.25
_PATIENCE: Final = 60.0  # an interrupted promotion takes the candidate's traffic away before it ends
_FOREIGN: Final = ("PULUMI_", "TOWPATH_", "GIT_")
_SHELLENV: Final = 'variables="$(deploy shellenv)" && eval "$variables" && printf "\\0" && exec env -0'


class DemoFailed(Exception):  # noqa: N818 - it says what happened, not which kind of error it is
    """Something was not as the demo promises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Done:
    """A command that ended.

    Attributes:
        exit_code: its own; negative: the signal that ended it.
        output: both streams, as they came.
        seconds: how long it took.
    """

    exit_code: int
    output: str
    seconds: float


@dataclass(kw_only=True)
class Shell:
    """Commands in one folder and one environment.

    Attributes:
        screen: where commands and their output are shown.
        folder: where they run.
        env: their variables.
    """

    screen: Screen
    folder: Path
    env: dict[str, str]
    _tick: Callable[[], None] | None = field(init=False, default=None)

    def run(self, *words: str, expect: int = 0, shown: str = "") -> Done:
        """Run a command and show it; `shown` is how somebody would type it, where that differs.

        Raises:
            DemoFailed: it ended with another exit code than expected.
        """
        self.screen.command(shown or join(words))
        return self._finished(words, expect, self.screen.output)

    def quiet(self, *words: str) -> str:
        """The output of a command that isn't part of the story.

        Raises:
            DemoFailed: it failed.
        """
        return self._finished(words, 0, lambda _line: None).output

    def adopt_shellenv(self) -> None:
        """Take on the variables that `deploy shellenv` prints, as a shell evaluates them."""
        self.screen.command('eval "$(deploy shellenv)"')
        variables = self.quiet("sh", "-c", _SHELLENV)
        pairs = (pair.partition("=") for pair in variables.split("\0")[1:] if pair)
        self.env = {name: value for name, _, value in pairs}

    @contextmanager
    def ticking(self, tick: Callable[[], None]) -> Iterator[None]:
        """Have something done every now and then while commands run."""
        self._tick = tick
        try:
            yield
        finally:
            self._tick = None

    def _finished(self, words: Sequence[str], expect: int, show: Callable[[str], None]) -> Done:
        begun = time.monotonic()
        with self._started(words) as process:
            try:
                output = self._shown(process, show)
            except KeyboardInterrupt:
                self._stop(process, show)
                raise
        done = Done(exit_code=process.returncode, output=output, seconds=time.monotonic() - begun)
        if done.exit_code != expect:
            tail = "\n".join(output.splitlines()[-20:])
            raise DemoFailed(f"`{join(words)}` ended with {done.exit_code}, expected was {expect}:\n{tail}")
        return done

    def _started(self, words: Sequence[str]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                words,
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                process_group=0,  # Ctrl-C comes to us alone, and we pass it on
            )
        except FileNotFoundError as error:
            raise DemoFailed(f"{error.filename} isn't there; {words[0]} was to be run in {self.folder}") from error

    def _shown(self, process: subprocess.Popen[bytes], show: Callable[[str], None]) -> str:
        whole: list[str] = []
        for line in _lines(_pipe(process), self._ticked):
            whole.append(line)
            show(line)
        process.wait()
        return "\n".join(whole)

    def _ticked(self) -> None:
        if self._tick is not None:
            self._tick()

    def _stop(self, process: subprocess.Popen[bytes], show: Callable[[str], None]) -> None:
        """Interrupt the command and let it tidy up; whoever is still there then is killed."""
        self.screen.line("interrupted; waiting for the command to tidy up (again Ctrl-C: at once)")
        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _PATIENCE

        def expect_end() -> None:
            if time.monotonic() > deadline:
                raise TimeoutError

        try:
            for line in _lines(_pipe(process), expect_end):
                show(line)
        except (KeyboardInterrupt, TimeoutError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def clean_environment(ambient: Mapping[str, str], binaries: Path) -> dict[str, str]:
    """The caller's environment without what belongs to another checkout, the demo's own commands first."""
    kept = {name: value for name, value in ambient.items() if not name.startswith(_FOREIGN) and name != "PYTHONPATH"}
    return kept | {"PATH": f"{binaries}:{ambient.get('PATH', os.defpath)}", "PYTHONUNBUFFERED": "1"}


def _pipe(process: subprocess.Popen[bytes]) -> IO[bytes]:
    if process.stdout is None:
        message = "the command was started without a pipe"
        raise ValueError(message)
    return process.stdout


def _lines(pipe: IO[bytes], tick: Callable[[], None]) -> Iterator[str]:
    """Lines as they come, until the pipe's end; calls `tick` at least every quarter of a second."""
    begun = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while True:
            ready = selector.select(_TICK)
            tick()
            if not ready:
                continue
            chunk = os.read(pipe.fileno(), 65536)
            if not chunk:
                break
            *whole, begun = (begun + chunk).split(b"\n")
            yield from (_text(line) for line in whole)
    if begun:
        yield _text(begun)


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
