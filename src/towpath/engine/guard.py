"""Starts a command that must not outlive the driver. Run as `python -I -S guard.py LIFELINE GRACE COMMAND…`.

LIFELINE is the number of an inherited file descriptor, or the path of a FIFO, whose writing end the driver holds. Its
end means that the driver is gone, even by SIGKILL: the command gets SIGINT, so that the engine saves its checkpoint,
and GRACE seconds later the whole session gets SIGKILL. The driver may also write: `i` interrupts, `k` kills at once.

Standard library only and few imports: it is started before every engine command.
"""

import os
import select
import signal
import sys
import time
from collections.abc import Sequence

_NOT_FOUND = 127
_USAGE = 2
_SIGNALLED = 128
_READ_SIZE = 64
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str]) -> int:
    """Run the command to its end and return its exit code; 128 + n when signal n killed it."""
    lifeline, grace, command = arguments[0], float(arguments[1]), list(arguments[2:])
    if not command:
        return _USAGE
    _leave_session()
    watched = _open_lifeline(lifeline)
    wakeup = _listen_to_signals()
    try:
        child = os.posix_spawnp(command[0], command, dict(os.environ), setsid=True, setsigdef=[signal.SIGPIPE])
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return _NOT_FOUND
    return _Guard(child, watched, wakeup, grace).watch()


class _Guard:
    def __init__(self, child: int, lifeline: int, wakeup: int, grace: float) -> None:
        self.child = child
        self.lifeline = lifeline
        self.wakeup = wakeup
        self.grace = grace
        self.deadline: float | None = None

    def watch(self) -> int:
        while True:
            code = self._ended()
            if code is not None:
                _kill_session(self.child)
                return code
            self._wait()
            if self.deadline is not None and time.monotonic() >= self.deadline:
                _kill_session(self.child)
                self.deadline = None

    def _ended(self) -> int | None:
        pid, status = os.waitpid(self.child, os.WNOHANG)
        if pid == 0:
            return None
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else _SIGNALLED - code

    def _wait(self) -> None:
        remaining = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        sources = [self.wakeup] if self.lifeline < 0 else [self.wakeup, self.lifeline]
        ready, _, _ = select.select(sources, [], [], remaining)
        if self.wakeup in ready:
            self._forward(os.read(self.wakeup, _READ_SIZE))
        if self.lifeline in ready:
            self._obey(os.read(self.lifeline, _READ_SIZE))

    def _forward(self, numbers: bytes) -> None:
        for number in numbers:
            if number in _FORWARDED:
                _signal_group(self.child, number)

    def _obey(self, orders: bytes) -> None:
        if b"k" in orders:
            _kill_session(self.child)
        elif b"i" in orders:
            _signal_group(self.child, signal.SIGINT)
        elif not orders:
            os.close(self.lifeline)
            self.lifeline = -1
            self.deadline = time.monotonic() + self.grace
            _signal_group(self.child, signal.SIGINT)


def _leave_session() -> None:
    # whoever kills the driver's whole group or closes its terminal must not take the guard with it
    try:
        os.setsid()
    except PermissionError:
        return  # already the leader of one


def _open_lifeline(lifeline: str) -> int:
    descriptor = int(lifeline) if lifeline.isdigit() else os.open(lifeline, os.O_RDONLY)
    os.set_inheritable(descriptor, False)  # noqa: FBT003 - the signature of the standard library
    return descriptor


def _listen_to_signals() -> int:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing)
    for number in (*_FORWARDED, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    return reading


def _signal_group(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


def _kill_session(leader: int) -> None:
    # the engine gives each plugin a process group of its own; the session is what they all share
    _signal_group(leader, signal.SIGKILL)
    for _ in range(8):
        members = _members(leader)
        for pid in members:
            _kill(pid)
        if not members:
            return


def _members(session: int) -> list[int]:
    if not os.path.isdir("/proc/self"):  # noqa: PTH112 - pathlib would double the time to start
        return []
    names = os.listdir("/proc")  # noqa: PTH208 - as above
    return [int(name) for name in names if name.isdigit() and _session_of(name) == session]


def _session_of(pid: str) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as stat:  # noqa: PTH123 - as above
            state, _parent, _group, session = stat.read().rpartition(b")")[2].split()[:4]
    except (FileNotFoundError, ProcessLookupError):
        return -1
    return -1 if state == b"Z" else int(session)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
