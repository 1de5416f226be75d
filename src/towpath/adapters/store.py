"""Where the state is kept: a folder on this machine, or a bucket.

obstore is used for buckets only: its local store never syncs (seen with strace), and an entry that a power cut takes
back after its effect was done would be worse than none.
"""

import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from towpath.app.ports import ObjectStore
from towpath.core.errors import NeedsPerson, UsageError

_KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._\-]*(/[A-Za-z0-9_][A-Za-z0-9._\-]*)*")


def open_store(where: str, options: Mapping[str, Any] | None = None) -> ObjectStore:
    """The store at a folder's path or a URL such as s3://bucket/prefix.

    Args:
        where: a path, or a URL of the kinds s3, gs and azblob.
        options: what obstore takes beside the URL and the environment: region, endpoint, client_options.

    Raises:
        UsageError: a URL of another kind, or one that can't be read.
    """
    if "://" not in where:
        return FileStore(root=Path(where).absolute())
    from towpath.adapters.store_bucket import open_bucket  # noqa: PLC0415 - a folder doesn't need obstore

    return open_bucket(where, options or {})


def checked_key(key: str) -> str:
    """The key itself, if it is safe as a path below a folder.

    Raises:
        UsageError: it isn't: a name in it has characters that a store can't keep everywhere.
    """
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key!r} can't be a key of the state", "names may have letters, digits, '.', '_' and '-'")
    return key


def checked_prefix(prefix: str) -> str:
    """The prefix itself, if a safe key can begin with it; raises as `checked_key` does."""
    checked_key(prefix.removesuffix("/") or "_")
    return prefix


@dataclass(frozen=True, kw_only=True, slots=True)
class FileStore:
    """Objects as files under one folder; a reader never sees half of one.

    Attributes:
        root: made when the first object is.
    """

    root: Path

    def create(self, key: str, data: bytes) -> bool:
        """Store durably (file and folders synced) unless the key exists; false when it does."""
        path = self.root / checked_key(key)
        with _translated(path):
            _make_folder(path.parent)
            with _temporary(path, data, sync=True) as temporary:
                try:
                    os.link(temporary, path)
                except FileExistsError:
                    return False
            _sync_folder(path.parent)
        return True

    def get(self, key: str) -> bytes | None:
        """The object, or None."""
        path = self.root / checked_key(key)
        with _translated(path):
            try:
                return path.read_bytes()
            except FileNotFoundError:
                return None

    def put(self, key: str, data: bytes) -> str:
        """Overwrite, at once for every reader; not synced: what is overwritten is worth nothing after a power cut."""
        path = self.root / checked_key(key)
        with _translated(path):
            _make_folder(path.parent)
            with _temporary(path, data, sync=False) as temporary:
                tag = _etag(temporary.stat())
                temporary.replace(path)
        return tag

    def etag(self, key: str) -> str | None:
        """Version of the object now; None when it isn't there."""
        path = self.root / checked_key(key)
        with _translated(path):
            try:
                return _etag(path.stat())
            except FileNotFoundError:
                return None

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Every key under the prefix, sorted."""
        folder = self.root / checked_prefix(prefix).rpartition("/")[0]
        with _translated(folder):
            found = [path.relative_to(self.root).as_posix() for path in folder.rglob("*") if _is_object(path)]
        return tuple(sorted(key for key in found if key.startswith(prefix)))


def _is_object(path: Path) -> bool:
    return not path.name.startswith(".") and path.is_file()


def _etag(stat: os.stat_result) -> str:
    return f"{stat.st_ino:x}-{stat.st_mtime_ns:x}-{stat.st_size:x}"


@contextmanager
def _temporary(path: Path, data: bytes, *, sync: bool) -> Iterator[Path]:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise NeedsPerson(
            f"the state at {path} can't be read or written: {error.strerror}",
            "mend the folder (space, permission, a file system with hard links); then run `deploy resume`",
        ) from error
