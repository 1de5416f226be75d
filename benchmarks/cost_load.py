"""Requests one after the other on several connections, so that a server is never idle, and the CPU time it takes."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final

import urllib3

from benchmarks.meanwhile import again_and_again

CONNECTIONS: Final = 8
_LENGTH: Final = b"content-length: "
_PATIENCE: Final = 60.0


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has taken, all its threads together: its own clock, in nanoseconds."""
    return time.clock_gettime((~pid << 3) | 2)  # Linux' number for the clock of another process


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A server, and what it is asked.

    Attributes:
        pid: its process.
        port: on this machine.
        requests: whole HTTP requests, asked in turn.
        deep: how many are sent on a connection before an answer is awaited.
    """

    pid: int
    port: int
    requests: tuple[bytes, ...]
    deep: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Round:
    """What a number of requests took: CPU of the server and the clock's time, in seconds."""

    requests: int
    cpu: float
    clock: float

    @property
    def each(self) -> float:
        """CPU of one request."""
        return self.cpu / self.requests


def saturate(target: Target, seconds: float) -> Round:
    """Ask as fast as it answers, for so long.

    Raises:
        AssertionError: an answer wasn't 200.
    """
    asked: list[int] = []
    refused: list[str] = []
    before, begun = cpu(target.pid), time.perf_counter()
    until = begun + seconds
    threads = [
        threading.Thread(target=_ask, args=(target, until, place, asked, refused)) for place in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused, refused[0]  # noqa: S101 - a benchmark of refusals would say nothing
    took = cpu(target.pid) - before
    return Round(requests=sum(asked), cpu=took, clock=time.perf_counter() - begun)


def _ask(target: Target, until: float, place: int, asked: list[int], refused: list[str]) -> None:
    wanted, batches, left = islice(cycle(target.requests), place, None), 0, b""
    try:
        with socket.create_connection(("127.0.0.1", target.port), timeout=_PATIENCE) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.perf_counter() < until:
                connection.sendall(b"".join(islice(wanted, target.deep)))
                left, batches = _answers(connection, left, target.deep), batches + 1
    except (OSError, ValueError) as error:
        refused.append(f"port {target.port}: {error!r}")
    asked.append(batches * target.deep)


def _answers(connection: socket.socket, left: bytes, count: int) -> bytes:
    """Read so many answers; what came beyond them is given back."""
    while count:
        head, end, rest = left.partition(b"\r\n\r\n")
        size = _size(head) if end else 0
        if end and len(rest) >= size:
            left, count = rest[size:], count - 1
            continue
        more = connection.recv(1 << 18)
        if not more:
            raise OSError("the server closed the connection")
        left += more
    return left


def _size(head: bytes) -> int:
    if not head.startswith(b"HTTP/1.1 200 "):
        raise ValueError(head[:200].decode(errors="replace"))
    return int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])


def request(port: int, path: str, body: bytes) -> bytes:
    """One POST as it goes over the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def scraped(urls: Sequence[str], every: float) -> Iterator[None]:
    """Read these pages so often until the block ends; first after half of that, so that a second has one reading."""

    def scrape() -> None:
        for url in urls:
            urllib3.request("GET", url, retries=False)

    with again_and_again(scrape, every, every / 2):
        yield


def await_answer(url: str) -> None:
    """Wait until a page answers 200.

    Raises:
        TimeoutError: it never did.
    """
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        try:
            if urllib3.request("GET", url, retries=False).status == 200:  # noqa: PLR2004 - OK
                return
        except urllib3.exceptions.HTTPError:
            pass
        time.sleep(0.05)
    raise TimeoutError(url)
