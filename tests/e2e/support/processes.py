"""Processes of this machine, read from /proc: who descends from whom, and who is gone."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOOK = 0.1


def children(pid: int) -> set[int]:
    """Every process below this one, now."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").iterdir() if path.name.isdigit()}
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {pid, *found}} - found:
        found |= more
    return found


def await_child(pid: int, program: str, within: float = 20.0) -> set[int]:
    """Wait until this process has a child that runs that program; gives back all that are below it then."""
    end = time.monotonic() + within
    while True:
        found = children(pid)
        if any(program in words(child) for child in found):
            return found
        assert time.monotonic() < end, f"no {program} below {pid} in {within} s"
        time.sleep(_LOOK)


def gone(pids: set[int], within: float) -> bool:
    """Wait until none of them runs; zombies don't."""
    end = time.monotonic() + within
    while any(_runs(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(_LOOK)
    return True


def words(pid: int) -> str:
    """Its command line; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """Every command line of this machine that was seen while the block lasted."""
    seen: set[str] = set()
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(_LOOK):
            seen.update(words(int(path.name)) for path in Path("/proc").iterdir() if path.name.isdigit())

    watching = threading.Thread(target=look)
    watching.start()
    try:
        yield seen
    finally:
        stop.set()
        watching.join()


def _parent(path: Path) -> int:
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
