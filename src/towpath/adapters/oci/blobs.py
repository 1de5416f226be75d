"""Bytes by digest, wherever they are: opened as often as an upload needs, never held whole."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from towpath.core.errors import Refused
from towpath.core.manifests import digest_of

CHUNK = 1024 * 1024


class BlobSource(Protocol):
    """A blob that can be read again from its start."""

    @property
    def digest(self) -> str:
        """`sha256:…` of the bytes."""

    @property
    def size(self) -> int:
        """How many bytes."""

    def open(self) -> Iterator[bytes]:
        """The bytes, in pieces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BytesBlob:
    """A small blob in memory."""

    content: bytes

    @property
    def digest(self) -> str:
        """Of the content."""
        return digest_of(self.content)

    @property
    def size(self) -> int:
        """Of the content."""
        return len(self.content)

    def open(self) -> Iterator[bytes]:
        """The content in one piece."""
        yield self.content


@dataclass(frozen=True, kw_only=True, slots=True)
class FileBlob:
    """A blob in a file."""

    path: Path
    digest: str
    size: int

    def open(self) -> Iterator[bytes]:
        """Read the file, a piece at a time."""
        with self.path.open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeBlob:
    """A blob whose bytes are made when they are read."""

    digest: str
    size: int
    make: Callable[[], Iterator[bytes]]

    def open(self) -> Iterator[bytes]:
        """Make the bytes."""
        return self.make()


def checked(pieces: Iterator[bytes], digest: str, size: int, where: str) -> Iterator[bytes]:
    """The same bytes; the last piece is given only once the whole is known to have this digest and size.

    Raises:
        Refused: it hasn't; `where` names the blob's place.
    """
    running, seen, held = hashlib.sha256(), 0, b""
    for piece in pieces:
        running.update(piece)
        seen += len(piece)
        if held:
            yield held
        held = piece
    found = f"sha256:{running.hexdigest()}"
    if (found, seen) != (digest, size):
        raise Refused(
            f"blob {digest} in {where} is corrupt: {seen} bytes with digest {found}, expected {size} bytes",
            "nothing was written with it; remove it there, then push the image it belongs to again: docs/runbook.md",
        )
    if held:
        yield held


def read_all(pieces: Iterator[bytes], limit: int = 8 * CHUNK) -> bytes:
    """A small blob in memory.

    Raises:
        Refused: it isn't small.
    """
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > limit:
            raise Refused(f"a document of more than {limit} bytes was refused", "it is no config and no manifest")
    return bytes(content)
