"""Folders that are made once: under a lock, in a temporary place, renamed when complete."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from towpath.core.errors import Busy


def key_of(parts: Iterable[bytes | str]) -> str:
    """Twelve hexadecimal digits that change with any part."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()[:12]


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`, filled by `make` in a temporary place unless it is there; a second maker waits for the first."""
    if folder.is_dir():
        return folder
    with locked(folder.with_name(f".{folder.name}.lock"), wait=True):
        if not folder.is_dir():
            _make(folder, make)
    return folder


@contextlib.contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[None]:
    """Hold the lock file at `path`. Raises `Busy` when another process holds it and `wait` is false."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise Busy(f"another setup is running (process {holder})", "wait for it, then try again") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Replace the file at once or not at all; it has `mode` from its first byte."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _make(folder: Path, make: Callable[[Path], None]) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        make(temporary)
        temporary.chmod(0o755)
        temporary.rename(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
