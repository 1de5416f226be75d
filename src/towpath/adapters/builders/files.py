"""Files of a folder as entries of a layer, and layers as bytes."""

import gzip
import io
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from towpath.adapters.oci.blobs import CHUNK, BlobSource
from towpath.core.errors import Refused, UsageError
from towpath.core.layers import END, Entry, headers, ignored, padding
from towpath.core.manifests import Descriptor


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """An entry of a layer and where its bytes come from.

    Attributes:
        entry: how the image shows it.
        open: reads it from its start.
        file: the file it is, when it is one of this machine's; its state decides whether a hash is still good.
    """

    entry: Entry
    open: Callable[[], IO[bytes]]
    file: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A layer that is ready to be pushed.

    Attributes:
        descriptor: for the manifest.
        diff_id: digest of the uncompressed tar, for the config.
        blob: its bytes.
        about: what it holds, for the image's history.
    """

    descriptor: Descriptor
    diff_id: str
    blob: BlobSource
    about: str


def inside(folder: Path, name: str) -> Path:
    """The file or folder of that name.

    Raises:
        UsageError: the name leads out of the folder.
    """
    pure = PurePosixPath(name)
    if pure.is_absolute() or ".." in pure.parts:
        raise UsageError(f"{name!r} leads out of {folder}", "name files of the model's folder, relative to it")
    return folder / name


def walk(folder: Path, names: Iterable[str], *, leave_out: Iterable[str] = ()) -> tuple[tuple[str, Path], ...]:
    """Files below these names as (relative path, file), sorted; links are followed, ignored names skipped."""
    left_out = tuple(PurePosixPath(name) for name in leave_out)
    found: dict[str, Path] = {}
    for name in names:
        for file in _below(inside(folder, name)):
            path = file.relative_to(folder).as_posix()
            if not ignored(path) and not any(PurePosixPath(path).is_relative_to(out) for out in left_out):
                found[path] = file
    return tuple(sorted(found.items()))


def _below(top: Path) -> Iterator[Path]:
    if not top.is_dir():
        yield top
        return
    seen: set[str] = set()
    for place, folders, files in os.walk(top, followlinks=True):
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not ignored(name)]
        yield from (Path(place) / name for name in files)


def contents(files: Iterable[tuple[str, Path]], prefix: str) -> tuple[Content, ...]:
    """Files as contents of a layer, below `prefix` in the image."""
    return tuple(_content(f"{prefix}/{path}", file) for path, file in files)


def _content(path: str, file: Path) -> Content:
    state = file.stat()
    entry = Entry(path=path, size=state.st_size, executable=bool(state.st_mode & 0o100))
    return Content(entry=entry, open=lambda: file.open("rb"), file=file)


Watch = Callable[[str, bytes], None]


def _unwatched(path: str, piece: bytes) -> None:
    """Nobody wants to see the pieces."""


def tar_pieces(layer: Iterable[Content], watch: Watch = _unwatched) -> Iterator[bytes]:
    """The tar of a layer, in pieces; `watch` sees every piece of a file with the file's path.

    Raises:
        Refused: a file changed while it was read.
    """
    by_path = {content.entry.path: content for content in layer}
    for header, entry in headers(content.entry for content in by_path.values()):
        yield header
        if entry is not None:
            for piece in _exactly(by_path[entry.path]):
                watch(entry.path, piece)
                yield piece
            yield padding(entry.size)
    yield END


def _exactly(content: Content) -> Iterator[bytes]:
    left = content.entry.size
    with content.open() as file:
        while left and (piece := file.read(min(CHUNK, left))):
            left -= len(piece)
            yield piece
        if left or file.read(1):
            raise Refused(
                f"{content.file or content.entry.path} changed while the image was made from it",
                "wait until whatever writes it is done, then build again",
            )


class _Tee(io.RawIOBase):
    """Collects what gzip writes until it is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: object) -> int:
        before = len(self._held)
        self._held += memoryview(piece)  # type: ignore[arg-type]  # RawIOBase leaves the type of a buffer open
        return len(self._held) - before

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


def gzipped(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces compressed, with no name and no time in the header."""
    held = _Tee()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=held, mtime=0) as packed:
        for piece in pieces:
            packed.write(piece)
            if taken := held.take():
                yield taken
    yield held.take()
