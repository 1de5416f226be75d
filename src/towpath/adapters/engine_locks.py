"""Whose lock is on a stack, where the backend is a folder: a living engine's is never cleared."""

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from towpath.adapters import stack_yaml

_FILE: Final = "file://"
_PROC: Final = Path("/proc")


def living_lock(project: Path, environment: Mapping[str, str], stack: str, proc: Path = _PROC) -> str:
    """Who holds the stack's lock and still runs on this machine; empty when nobody is known to.

    Nothing is known of locks in a bucket, of other machines, and on systems that don't show their processes.
    """
    for lock in _locks(project, environment, stack):
        if lock.get("hostname") == socket.gethostname() and _is_engine(proc / str(lock.get("pid")) / "comm"):
            return f"{lock.get('username')}@{lock['hostname']} (process {lock['pid']}, since {lock.get('timestamp')})"
    return ""


def _locks(project: Path, environment: Mapping[str, str], stack: str) -> Iterator[Mapping[str, Any]]:
    file = project / "Pulumi.yaml"
    settings = stack_yaml.load(file.read_text()) if file.exists() else {}
    url = environment.get("PULUMI_BACKEND_URL") or str((settings.get("backend") or {}).get("url", ""))
    if not url.startswith(_FILE):
        return
    root = project / Path(url.removeprefix(_FILE).partition("?")[0]).expanduser()
    for path in sorted((root / ".pulumi/locks").glob(f"*/{settings.get('name')}/{stack}/*.json")):
        try:
            lock = json.loads(path.read_text())
        except (OSError, ValueError):  # gone meanwhile, or being written
            continue
        if isinstance(lock, dict):
            yield lock


def _is_engine(comm: Path) -> bool:
    try:
        return "pulumi" in comm.read_text()
    except OSError:
        return False
