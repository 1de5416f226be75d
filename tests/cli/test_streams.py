"""What the surroundings do to a command: a reader that went away, a full disk, a closed terminal."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from typing import TextIO

import pytest

from tests.cli.command import Breaking, FakeWorld, Stream, deploy, failing
from tests.fakes.world import image
from towpath.app.services import Services
from towpath.cli.main import run
from towpath.cli.render import Output, detach
from towpath.cli.reports import LineReport
from towpath.core.contract import Endpoint
from towpath.core.errors import Busy

TROUBLES = [
    BrokenPipeError(errno.EPIPE, "Broken pipe"),
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.EIO, "Input/output error"),
]


@dataclass(kw_only=True)
class Telling(FakeWorld):
    """Progress goes to the command's own output."""

    output: Output

    def services(self) -> Services:
        return replace(super().services(), report=LineReport(output=self.output))


@contextmanager
def unread() -> Iterator[TextIO]:
    """A pipe whose reader went away."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream, redirect_stdout(stream), redirect_stderr(sys.stderr):
        yield stream
        detach(stream)


@pytest.fixture
def hang_ups() -> Iterator[list[int]]:
    """Closed terminals that the command didn't hear of; they would end the tests."""
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _frame: heard.append(number))
    yield heard
    signal.signal(signal.SIGHUP, before)


def output_to(stdout: TextIO, *, terminal: bool = False) -> tuple[Output, Breaking]:
    err = Breaking(terminal=terminal)
    return Output(stdout=stdout, stderr=err, stdin=Stream(), now=lambda: 0.0), err


@pytest.mark.parametrize("terminal", [False, True], ids=["log", "terminal"])
@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_progress_that_cannot_be_written_ends_no_promotion(
    world: FakeWorld, trouble: OSError, *, terminal: bool
) -> None:
    output, err = output_to(Stream(), terminal=terminal)

    def breaks(_stack: str, wanted: Endpoint) -> None:
        if wanted.canary is not None and wanted.canary.traffic == 25:
            err.trouble = trouble

    world.scene.world.before_up = breaks
    telling = Telling(scene=world.scene, output=output)

    assert run(["promote", "--to", "prod", "--yes"], output=output, make_world=lambda *_: telling) == 0
    assert world.scene.world.drawn["prod"][0].release == image("b")
    assert err.trouble is trouble


def test_a_reader_of_everything_that_goes_away_ends_no_promotion(world: FakeWorld) -> None:
    with unread() as stream:
        output = Output(stdout=stream, stderr=stream, stdin=Stream(), now=lambda: 0.0)
        telling = Telling(scene=world.scene, output=output)

        assert run(["promote", "--to", "prod", "--yes"], output=output, make_world=lambda *_: telling) == 0

    assert world.scene.world.drawn["prod"][0].release == image("b")


@pytest.mark.parametrize("words", [["shellenv"], ["--help"], ["--version"], ["status", "--json"]])
def test_a_reader_that_went_away_is_no_error(world: FakeWorld, words: list[str]) -> None:
    with unread() as stream:
        output, err = output_to(stream)
        assert run(words, output=output, make_world=lambda *_: world) == 0
    assert err.getvalue() == ""


def test_an_error_keeps_its_code_where_nobody_reads_it() -> None:
    with unread() as stream:
        output = Output(stdout=stream, stderr=stream, stdin=Stream())
        for words in (["status"], ["status", "--json"]):
            assert run(words, output=output, make_world=lambda *_: failing(Busy("held"))) == 4
            assert run(words, output=output, make_world=lambda *_: failing(ValueError("a bug"))) == 1


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_was_never_open_is_no_error(closed: str) -> None:
    command = f'exec "$0" -m towpath.cli.main --version {closed}'
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run(("/bin/sh", "-c", command, sys.executable), env=env, check=False, timeout=60).returncode == 0


def test_an_answer_that_cannot_be_written_is_an_error_that_says_why(world: FakeWorld) -> None:
    full = Breaking()
    full.trouble = OSError(errno.ENOSPC, "No space left on device")
    output, err = output_to(full)

    assert run(["shellenv"], output=output, make_world=lambda *_: world) == 8
    assert "the answer could not be written to standard output: No space left on device" in err.getvalue()


@pytest.mark.parametrize("ends", [BrokenPipeError(errno.EPIPE, "Broken pipe"), SystemExit(3)], ids=repr)
def test_a_pipe_that_breaks_inside_is_a_bug_and_not_a_silent_end(ends: BaseException) -> None:
    with redirect_stdout(sys.stdout), redirect_stderr(sys.stderr):
        done = deploy("status", world=failing(ends))

    assert done.code == 1
    assert f"this is a bug in towpath: {type(ends).__name__}" in done.err


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_terminal_that_is_closed_takes_the_candidates_traffic_as_ctrl_c_does(
    world: FakeWorld, hang_ups: list[int], number: signal.Signals
) -> None:
    output, err = output_to(Stream())

    def closes(_stack: str, wanted: Endpoint) -> None:
        if wanted.canary is not None and wanted.canary.traffic == 50:
            err.trouble = OSError(errno.EIO, "Input/output error")
            signal.raise_signal(number)
        elif err.trouble is not None:
            signal.raise_signal(signal.SIGHUP)  # in the middle of the way back

    world.scene.world.before_up = closes
    telling = Telling(scene=world.scene, output=output)

    assert run(["promote", "--to", "prod", "--yes"], output=output, make_world=lambda *_: telling) == 130
    canary = world.scene.world.drawn["prod"][0].canary
    assert (canary and canary.traffic, hang_ups) == (0, [])
    signal.raise_signal(signal.SIGHUP)
    assert hang_ups == [signal.SIGHUP], "whoever had the signal before has it again"


def test_a_closed_terminal_is_nothing_to_a_command_that_ignores_it(world: FakeWorld, hang_ups: list[int]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    world.scene.world.before_up = lambda *_: signal.raise_signal(signal.SIGHUP)

    assert deploy("promote", "--to", "prod", "--yes", world=world).code == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert hang_ups == []
