"""Runs programs; the only importer of `subprocess` in the driver."""

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from towpath.app.setup_ports import Command, Finished, TimedOut
from towpath.core.errors import Missing
from towpath.engine import guard

_MASK: Final = "[secret]"
_SHORTEST_MASKED_LINE: Final = 4
_POLITE_SECONDS: Final = 5.0


class RealProcesses:
    """Runs programs on this machine. `python` is the interpreter that runs the guard."""

    def __init__(self, python: str) -> None:
        self._python = python

    def run(self, command: Command) -> Finished:
        """Run to the end in a process group of its own, ended with it when the caller is interrupted."""
        process = _start(command, command.words)
        collector = _Collector(process, command)
        try:
            return _finish(process, collector, command)
        finally:
            _end(process)
            collector.join()

    def spawn_guarded(self, command: Command, *, grace: float) -> "GuardedProcess":
        """Start it under the guard, whose lifeline is a pipe that only this process can write to."""
        reading, writing = os.pipe()
        words = (self._python, "-I", "-S", str(Path(guard.__file__)), str(reading), str(grace), *command.words)
        try:
            process = _start(command, words, inherited=(reading,))
            return GuardedProcess(process, _Collector(process, command), writing)
        except BaseException:
            os.close(writing)
            raise
        finally:
            os.close(reading)

    def start_detached(self, command: Command, log: Path) -> int:
        """Start a service in a session of its own, with its output appended to `log`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output, _translated():
            process = subprocess.Popen(
                command.words,
                env=dict(command.env),
                cwd=command.cwd,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process.returncode = 0  # it is nobody's child to wait for: Python must not warn that it still runs
        return process.pid


class GuardedProcess:
    """A program under the guard; see `towpath.engine.guard` for the orders it takes. Any thread may give and wait."""

    def __init__(self, process: subprocess.Popen[bytes], collector: "_Collector", lifeline: int) -> None:
        self._process = process
        self._collector = collector
        self._lifeline: int | None = lifeline
        self._holding = threading.Lock()  # no order may go to whoever was given the closed lifeline's number
        # told by a thread at once, where waiting with a timeout looks only every 50 ms; not by joining that thread:
        # a join that Ctrl-C breaks off takes it for ended
        self._gone = threading.Event()
        threading.Thread(target=self._await_end, daemon=True).start()

    @property
    def pid(self) -> int:
        """The process id of the guard."""
        return self._process.pid

    def interrupt(self) -> None:
        """Ask it to stop as Ctrl-C does."""
        self._order(b"i")

    def kill(self) -> None:
        """End it and all its descendants at once."""
        self._order(b"k")

    def wait(self, timeout: float | None = None) -> Finished | None:
        """What it left behind, or nothing when it still runs after `timeout` seconds."""
        if not self._gone.wait(timeout):
            return None
        code = self._process.wait()
        self._collector.join()
        self._let_go()
        return Finished(exit_code=code, stdout=self._collector.stdout, stderr=self._collector.stderr)

    def _await_end(self) -> None:
        self._process.wait()
        self._gone.set()

    def _order(self, order: bytes) -> None:
        with self._holding, contextlib.suppress(BrokenPipeError):
            if self._lifeline is not None:
                os.write(self._lifeline, order)

    def _let_go(self) -> None:
        with self._holding:
            lifeline, self._lifeline = self._lifeline, None
            if lifeline is not None:
                os.close(lifeline)


class _Collector:
    """Reads both outputs as they come, so that neither pipe fills up, and feeds the input."""

    def __init__(self, process: subprocess.Popen[bytes], command: Command) -> None:
        self._mask = _masking(command.secrets)
        self._on_line = command.on_line
        self._texts: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._threads = [
            threading.Thread(target=self._read, args=(process.stdout, "stdout"), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, "stderr"), daemon=True),
        ]
        if command.stdin is not None:
            self._threads.append(threading.Thread(target=_feed, args=(process.stdin, command.stdin), daemon=True))
        for thread in self._threads:
            thread.start()

    @property
    def stdout(self) -> str:
        return self._mask("".join(self._texts["stdout"]))

    @property
    def stderr(self) -> str:
        return self._mask("".join(self._texts["stderr"]))

    def join(self) -> None:
        # a daemon that kept the pipe open must not hold the caller for ever
        for thread in self._threads:
            thread.join(timeout=_POLITE_SECONDS)

    def _read(self, stream: IO[bytes], name: str) -> None:
        with stream:
            for raw in stream:
                line = self._mask(raw.decode(errors="replace"))
                self._texts[name].append(line)
                if self._on_line is not None:
                    self._on_line(line.rstrip("\n"))


def _start(command: Command, words: tuple[str, ...], inherited: tuple[int, ...] = ()) -> subprocess.Popen[bytes]:
    with _translated():
        return subprocess.Popen(
            words,
            env=dict(command.env),
            cwd=command.cwd,
            stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=inherited,
            process_group=0,
        )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"{error.filename}: no such program or folder", "see `deploy doctor`") from error
    except PermissionError as error:
        raise Missing(f"{error.filename}: no permission to run it", "see `deploy doctor`") from error


def _finish(process: subprocess.Popen[bytes], collector: _Collector, command: Command) -> Finished:
    try:
        code = process.wait(command.timeout)
    except subprocess.TimeoutExpired as error:
        took = f"{command.words[0]} took longer than {command.timeout:g} s and was stopped"
        raise TimedOut(took, "try again; if it goes on, see `deploy doctor`") from error
    collector.join()
    return Finished(exit_code=code, stdout=collector.stdout, stderr=collector.stderr)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    _signal_group(process, signal.SIGTERM)
    try:
        process.wait(_POLITE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _feed(stream: IO[bytes], content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), stream:
        stream.write(content)


def _masking(secrets: tuple[str, ...]) -> Callable[[str], str]:
    parts = {part for secret in secrets for part in secret.splitlines() if len(part) >= _SHORTEST_MASKED_LINE}
    longest_first = sorted(parts.union(filter(None, secrets)), key=len, reverse=True)

    def mask(text: str) -> str:
        for secret in longest_first:
            text = text.replace(secret, _MASK)
        return text

    return mask
