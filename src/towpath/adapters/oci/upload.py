"""One blob into one repository: there already, mounted, in one piece, or in chunks where one piece is refused."""

import contextlib
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from towpath.adapters.oci.blobs import BlobSource, checked
from towpath.adapters.oci.retry import TransientError
from towpath.adapters.oci.transport import Call, Reply, Transport, unexpected
from towpath.adapters.oci.wire import located
from towpath.core.errors import Missing, Refused, TowpathError

ACCEPTED, CREATED, NO_CONTENT, OK, NOT_FOUND = 202, 201, 204, 200, 404
ONE_PIECE_REFUSED = frozenset({405, 411, 413, 501})
CHUNK = 8 * 1024 * 1024

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """How a blob got there.

    Attributes:
        digest: of the blob.
        size: of the blob, bytes.
        sent: bytes that went over the wire: the size, or 0.
        how: there, mounted, sent or chunked.
    """

    digest: str
    size: int
    sent: int
    how: str


class Uploads:
    """Uploads into one repository of one registry, until `stopped`: looked at before each attempt and piece."""

    def __init__(self, transport: Transport, repository: str, stopped: Callable[[], bool] = lambda: False) -> None:
        self._transport = transport
        self._registry, self._path = repository.split("/", 1)
        self._repository = repository
        self._stopped = stopped

    def put(self, blob: BlobSource, sources: Sequence[str] = ()) -> Moved:
        """Make the repository have the blob, by the cheapest way that works; `sources` are paths of the same registry.

        Raises:
            Refused: the source is corrupt, or the registry refuses it.
        """
        if self.size(blob.digest) is not None:
            return Moved(digest=blob.digest, size=blob.size, sent=0, how="there")
        for source in sources:
            if self._mount(blob.digest, source):
                return Moved(digest=blob.digest, size=blob.size, sent=0, how="mounted")
        if self._retried(lambda: self._send(blob)):
            return Moved(digest=blob.digest, size=blob.size, sent=blob.size, how="sent")
        self._retried(lambda: self._send_chunks(blob))
        return Moved(digest=blob.digest, size=blob.size, sent=blob.size, how="chunked")

    def size(self, digest: str) -> int | None:
        """Bytes of the blob as the repository has it, 0 where it doesn't say; None when it hasn't."""
        call = self._call("HEAD", f"/v2/{self._path}/blobs/{digest}", push=False)
        reply = self._retried(lambda: self._transport.once(call))
        if reply.status == NOT_FOUND:
            return None
        if reply.status != OK:
            raise unexpected(call, reply)
        length = reply.headers.get("Content-Length", "")
        return int(length) if length.isdecimal() else 0

    def _call(self, method: str, url: str, *, push: bool = True, source: str = "") -> Call:
        scopes: tuple[str, ...] = (f"repository:{self._path}:{'pull,push' if push else 'pull'}",)
        if source:
            scopes += (f"repository:{source}:pull",)
        return Call(method=method, registry=self._registry, url=url, scopes=scopes)

    def _mount(self, digest: str, source: str) -> bool:
        query = urllib.parse.urlencode({"mount": digest, "from": source})
        call = self._call("POST", f"/v2/{self._path}/blobs/uploads/?{query}", source=source)
        reply = self._retried(lambda: self._transport.once(call))
        if reply.status == CREATED:
            return True
        if reply.status == ACCEPTED:
            self._give_back(call, reply)
        return False

    def _give_back(self, call: Call, reply: Reply) -> None:
        # A courtesy: a registry that doesn't take it ends the session by itself, and the blob is sent anyway.
        with contextlib.suppress(TowpathError, TransientError):
            self._transport.once(self._call("DELETE", self._location(call, reply)))

    def _session(self) -> str:
        call = self._call("POST", f"/v2/{self._path}/blobs/uploads/")
        reply = self._transport.once(call)
        if reply.status != ACCEPTED:
            raise unexpected(call, reply)
        return self._location(call, reply)

    def _location(self, call: Call, reply: Reply) -> str:
        location = reply.headers.get("Location", "")
        if not location:
            raise unexpected(call, reply)
        return located(self._registry, reply.url, location)

    def _send(self, blob: BlobSource) -> bool:
        call = Call(
            method="PUT",
            registry=self._registry,
            url=_with_digest(self._session(), blob.digest),
            scopes=self._call("PUT", "").scopes,
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(blob.size)},
            body=lambda: self._pieces(blob),
        )
        reply = self._transport.once(call)
        if reply.status in ONE_PIECE_REFUSED:
            return False
        if reply.status not in {CREATED, NO_CONTENT}:
            raise unexpected(call, reply)
        return True

    def _send_chunks(self, blob: BlobSource) -> None:
        location, start = self._session(), 0
        for piece in _regrouped(self._pieces(blob), CHUNK):
            location = self._patch(location, start, piece)
            start += len(piece)
        call = self._call("PUT", _with_digest(location, blob.digest))
        reply = self._transport.once(call)
        if reply.status not in {CREATED, NO_CONTENT}:
            raise unexpected(call, reply)

    def _patch(self, location: str, start: int, piece: bytes) -> str:
        call = Call(
            method="PATCH",
            registry=self._registry,
            url=location,
            scopes=self._call("PATCH", "").scopes,
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(len(piece)),
                "Content-Range": f"{start}-{start + len(piece) - 1}",
            },
            body=lambda: piece,
        )
        reply = self._transport.once(call)
        if reply.status not in {ACCEPTED, NO_CONTENT}:
            raise unexpected(call, reply)
        return self._location(call, reply)

    def _pieces(self, blob: BlobSource) -> Iterator[bytes]:
        try:
            for piece in checked(blob.open(), blob.digest, blob.size, f"the source of {self._repository}"):
                self._go_on()
                yield piece
        except OSError as error:
            raise Missing(
                f"{error.filename or blob.digest} can't be read for {self._repository}: {error.strerror or error}",
                "put it back or mend its disk, then build again: `deploy build`",
            ) from error

    def _retried(self, once: Callable[[], T]) -> T:
        def unless_stopped() -> T:
            self._go_on()
            return once()

        return self._transport.retried(unless_stopped)

    def _go_on(self) -> None:
        if self._stopped():
            raise Refused(f"the upload to {self._repository} was stopped")


def _with_digest(location: str, digest: str) -> str:
    return f"{location}{'&' if '?' in location else '?'}{urllib.parse.urlencode({'digest': digest})}"


def _regrouped(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
