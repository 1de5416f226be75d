"""What the files of a backend tell that is a folder: whose lock is on a stack, and whether its state is another."""

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from towpath.adapters import stack_yaml

_FILE: Final = "file://"
_PROC: Final = Path("/proc")

Mark = tuple[int, int, int]  # of a file: its number, when it was written, and its size


def living_lock(project: Path, environment: Mapping[str, str], stack: str, proc: Path = _PROC) -> str:
    """Who holds the stack's lock and still runs on this machine; empty when nobody is known to.

    Nothing is known of locks in a bucket, of other machines, and on systems that don't show their processes.
    """
    for lock in _locks(project, environment, stack):
        if lock.get("hostname") == socket.gethostname() and _is_engine(proc / str(lock.get("pid")) / "comm"):
            return f"{lock.get('username')}@{lock['hostname']} (process {lock['pid']}, since {lock.get('timestamp')})"
    return ""


def state_mark(project: Path, environment: Mapping[str, str], stack: str) -> Mark | None:
    """Differs when the stack's state does: every change writes its file anew; None where there is no such file."""
    place = _place(project, environment)
    if place is None:
        return None
    root, name = place
    try:
        found = (root / ".pulumi/stacks" / name / f"{stack}.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def _locks(project: Path, environment: Mapping[str, str], stack: str) -> Iterator[Mapping[str, Any]]:
    place = _place(project, environment)
    if place is None:
        return
    root, name = place
    for path in sorted((root / ".pulumi/locks").glob(f"*/{name}/{stack}/*.json")):
        try:
            lock = json.loads(path.read_text())
        except (OSError, ValueError):  # gone meanwhile, or being written
            continue
        if isinstance(lock, dict):
            yield lock


def _place(project: Path, environment: Mapping[str, str]) -> tuple[Path, str] | None:
    """The backend's folder and the project's name; None where the backend is none."""
    file = project / "Pulumi.yaml"
    settings = stack_yaml.load(file.read_text()) if file.exists() else {}
    url = environment.get("PULUMI_BACKEND_URL") or str((settings.get("backend") or {}).get("url", ""))
    if not url.startswith(_FILE):
        return None
    return project / Path(url.removeprefix(_FILE).partition("?")[0]).expanduser(), str(settings.get("name"))


def _is_engine(comm: Path) -> bool:
    try:
        return "pulumi" in comm.read_text()
    except OSError:
        return False
