"""What the files of a backend tell that is a folder: whose lock is on a stack, and what its state is."""

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from towpath.adapters import stack_yaml
from towpath.core.errors import UsageError, all_at_once

_FILE: Final = "file://"
_PROC: Final = Path("/proc")
_CHECKPOINT: Final = 3  # the version of a state's format that is read here
_STACK: Final = "pulumi:pulumi:Stack"
_SIGNATURE: Final = "4dabf18193072939515e22adb298388d"  # key of a value that stands for something else
_REMEDY: Final = "mend it; git shows what it was"
_SECRET: Final = "[secret]"  # what the CLI shows in its place  # noqa: S105 - hides one

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
    state = _state(project, environment, stack)
    try:
        found = None if state is None else state.stat()
    except OSError:
        return None
    return None if found is None else (found.st_ino, found.st_mtime_ns, found.st_size)


def state_outputs(project: Path, environment: Mapping[str, str], stack: str) -> Mapping[str, Any] | None:
    """What the stack last exported, secrets masked as the CLI does; None where only the CLI can tell.

    The CLI derives the key of all secrets before it shows what is none, which takes longer than all else it does.
    """
    state = _state(project, environment, stack)
    try:
        told = None if state is None else json.loads(state.read_text())
    except (OSError, ValueError):
        return None
    match told:
        case {"version": int(version), "checkpoint": {"latest": {"resources": [*resources]}}} if version == _CHECKPOINT:
            found = [one.get("outputs") for one in resources if one.get("type") == _STACK]
            outputs: Mapping[str, Any] = _masked(found[0] if found and found[0] else {})
            return outputs
    return None


def _masked(value: Any) -> Any:  # noqa: ANN401 - whatever JSON a program exports
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, dict):
        return _SECRET if _SIGNATURE in value else {key: _masked(item) for key, item in value.items()}
    return value


def _state(project: Path, environment: Mapping[str, str], stack: str) -> Path | None:
    place = _place(project, environment)
    return None if place is None else place[0] / ".pulumi/stacks" / place[1] / f"{stack}.json"


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
    """The backend's folder and the project's name; None where the backend is none.

    Raises:
        UsageError: Pulumi.yaml can't be read or understood.
    """
    settings = _settings(project / "Pulumi.yaml")
    url = environment.get("PULUMI_BACKEND_URL") or str((settings.get("backend") or {}).get("url", ""))
    if not url.startswith(_FILE):
        return None
    return project / Path(url.removeprefix(_FILE).partition("?")[0]).expanduser(), str(settings.get("name"))


def _settings(file: Path) -> Mapping[str, Any]:
    try:
        settings = stack_yaml.load(file.read_bytes().decode())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{file.name} can't be read: {error.strerror}", _REMEDY) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file.name} is not UTF-8", _REMEDY) from error
    except ValueError as error:
        raise UsageError(f"{file.name}: {error}", _REMEDY) from error
    backend = settings.get("backend")
    if backend is not None and not isinstance(backend, Mapping):
        found = f"backend: found {type(backend).__name__}, valid: a mapping with the key url"
        raise all_at_once(file.name, [found], _REMEDY)
    return settings


def _is_engine(comm: Path) -> bool:
    try:
        return "pulumi" in comm.read_text()
    except OSError:
        return False
