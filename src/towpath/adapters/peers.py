"""Drivers as processes of this machine."""

import getpass
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from towpath.core.lease import Holder

DRIVER_VARIABLE: Final = "TOWPATH_DRIVER"  # in the environment of everything a driver starts
_PROC: Final = Path("/proc")


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalPeers:
    """Sees the processes of its own running system and nothing of others.

    Attributes:
        proc: where Linux shows its processes; on a system without it nothing is known of others.
    """

    proc: Path = _PROC

    def me(self, command: str, since: float) -> Holder:
        """This process, as a holder."""
        pid = os.getpid()
        return Holder(
            machine=self.machine(),
            host=socket.gethostname(),
            pid=pid,
            started=self._started(pid) or "",
            user=_user(),
            command=command,
            since=since,
        )

    def machine(self) -> str:
        """Identity of this running system and its numbering of processes; empty where none can be had."""
        try:
            boot = (self.proc / "sys/kernel/random/boot_id").read_text().strip()
            return f"{boot}/{(self.proc / 'self/ns/pid').readlink()}"
        except OSError:
            return ""

    def mark(self) -> str:
        """What this process puts into `DRIVER_VARIABLE` of everything it starts."""
        return _mark(os.getpid(), self._started(os.getpid()) or "")

    def alive(self, holder: Holder) -> bool | None:
        """Whether that process still runs; None where this machine can't know, or can't see what it started."""
        here = self.machine()
        if not here or holder.machine != here or not holder.started:
            return None
        if self._started(holder.pid) == holder.started:
            return True
        can_see_its_engines = holder.user == _user() or os.geteuid() == 0
        return False if can_see_its_engines else None

    def engines_gone(self, holder: Holder) -> bool:
        """Whether nothing that driver started is left, as far as this machine can see."""
        if holder.machine != self.machine():
            return True
        wanted = f"{DRIVER_VARIABLE}={_mark(holder.pid, holder.started)}".encode()
        return not any(wanted in variables for variables in self._environments())

    def _started(self, pid: int) -> str | None:
        try:
            state, *rest = (self.proc / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if state in "ZX" else rest[18]

    def _environments(self) -> Iterator[list[bytes]]:
        for folder in self.proc.iterdir():
            if folder.name.isdigit() and folder.name != str(os.getpid()):
                try:
                    yield (folder / "environ").read_bytes().split(b"\0")
                except OSError:  # gone meanwhile, or another user's, which we can't have started
                    continue


def _mark(pid: int, started: str) -> str:
    return f"{pid}-{started}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
