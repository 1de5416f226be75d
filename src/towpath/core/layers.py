"""What goes into a layer, in which order and as which bytes: nothing of the machine that built it."""

import fnmatch
import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

BLOCK = 512
END = bytes(2 * BLOCK)

IGNORED = (
    "__pycache__",
    "*.pyc",
    "*.pyo",
    ".git",
    ".hg",
    ".svn",
    ".DS_Store",
    ".towpath",
    ".venv",
    "*.egg-info",
    ".env",
)
"""Names that never enter an image, at any depth."""

OWN_LAYER = 64 * 1024 * 1024
"""Bytes from which a weights file gets a layer of its own, so that one changed shard moves only itself."""

MOST_LAYERS = 32
"""Weights layers of one image at most: engines refuse images of more than 127 layers."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One file or link of a layer.

    Attributes:
        path: inside the image, without a leading slash.
        size: bytes of its content; 0 for a link.
        executable: whether it may be run.
        link: the target of a symbolic link; empty for a file.
    """

    path: str
    size: int
    executable: bool = False
    link: str = ""


def ignored(path: str) -> bool:
    """Whether any part of the path has a name that never enters an image."""
    return any(fnmatch.fnmatchcase(part, name) for part in PurePosixPath(path).parts for name in IGNORED)


def parents(paths: Iterable[str]) -> tuple[str, ...]:
    """Every folder above these paths, sorted; written out, because an engine that invents them stamps today's time."""
    found = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    return tuple(sorted(found - {"."}))


def ordered(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """The entries by path, each path once: the last one wins."""
    by_path = {entry.path: entry for entry in entries}
    return tuple(by_path[path] for path in sorted(by_path))


def folder_header(path: str) -> bytes:
    """The tar header of a folder."""
    info = tarfile.TarInfo(path)
    info.type, info.mode = tarfile.DIRTYPE, 0o755
    return _bytes(info)


def entry_header(entry: Entry) -> bytes:
    """The tar header of a file or link: owner 0, time 0, one of two modes."""
    info = tarfile.TarInfo(entry.path)
    info.mode = 0o755 if entry.executable else 0o644
    if entry.link:
        info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.link, 0o777
    else:
        info.size = entry.size
    return _bytes(info)


def _bytes(info: tarfile.TarInfo) -> bytes:
    return info.tobuf(format=tarfile.PAX_FORMAT, encoding="utf-8", errors="surrogateescape")


def padding(size: int) -> bytes:
    """What fills the last block of a file of that size."""
    return bytes(-size % BLOCK)


def headers(entries: Iterable[Entry]) -> Iterator[tuple[bytes, Entry | None]]:
    """The headers of a layer in order; an entry comes with those whose content follows."""
    files = ordered(entries)
    for folder in parents(entry.path for entry in files):
        yield folder_header(folder), None
    for entry in files:
        yield entry_header(entry), None if entry.link else entry


def tar_size(entries: Iterable[Entry]) -> int:
    """Bytes of the whole tar."""
    total = len(END)
    for header, entry in headers(tuple(entries)):
        total += len(header)
        if entry is not None:
            total += entry.size + len(padding(entry.size))
    return total


def split_weights(entries: Iterable[Entry]) -> tuple[tuple[Entry, ...], ...]:
    """The layers of weights: the small files together, every large one apart, in the order of their paths."""
    files = ordered(entries)
    small = tuple(entry for entry in files if entry.size < OWN_LAYER)
    large = tuple(entry for entry in files if entry.size >= OWN_LAYER)
    per_layer = -(-len(large) // (MOST_LAYERS - 1)) or 1
    apart = tuple(large[first : first + per_layer] for first in range(0, len(large), per_layer))
    return ((small,) if small else ()) + apart


def tree_hash(files: Iterable[tuple[str, str]]) -> str:
    """One sha256 hex for many files, given as (path, sha256 hex); a single file keeps its own.

    The same as `sha256sum` of what `sha256sum` prints for the files in byte order of their paths.
    """
    listed = sorted(files)
    if len(listed) == 1:
        return listed[0][1]
    lines = "".join(f"{digest}  {path}\n" for path, digest in listed)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()
