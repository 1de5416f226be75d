"""Open-loop load on one HTTP endpoint of this machine: requests go out on time, whatever the answers do.

By hand: `python -m examples.traffic URL BODIES.jsonl --rate 80 --seconds 10`. From Python:

    with Traffic(Load(url=…, bodies=…, rate=80, seconds=60)) as traffic:
        …
    print(summary(traffic.answers()))
"""

import argparse
import asyncio
import math
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from examples.load import Answer, Load, summary

RELEASE_HEADER: Final = b"x-towpath-release"
_ATTENTION: Final = 0.2  # seconds between two looks at whether to stop
_END_OF_HEAD: Final = b"\r\n\r\n"


class Traffic:
    """A load that runs beside its owner from `with` to its end; what was sent is answered before it ends."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answers: list[Answer] = []
        self._stopping = threading.Event()
        self._broken: list[Exception] = []
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Send nothing more and wait for the answers that are due."""
        self._stopping.set()
        self.wait()

    def wait(self) -> None:
        """Wait for the end of the load and its last answer."""
        self._thread.join(self._load.seconds + 2 * self._load.timeout)
        if self._broken:
            raise self._broken[0]

    def answers(self, start: int = 0) -> tuple[Answer, ...]:
        """Every answer so far, from the `start`th on, in the order of their arrival; may be asked for meanwhile."""
        return tuple(self._answers[start:])

    def _run(self) -> None:
        try:
            asyncio.run(send(self._load, self._answers, self._stopping))
        except Exception as error:  # noqa: BLE001 - handed over to the thread that asks
            self._broken.append(error)


async def send(load: Load, answers: list[Answer], stopping: threading.Event) -> None:
    """Send every request when it is due, and wait for the last answer."""
    sender = _Sender(load=load, answers=answers, begun=asyncio.get_running_loop().time())
    try:
        for number in range(round(load.rate * load.seconds)):
            due = number / load.rate
            await _pass(due - sender.now(), stopping)
            if stopping.is_set():
                break
            sender.start(number, due)
        await sender.settle()
    finally:
        sender.close()


async def _pass(seconds: float, stopping: threading.Event) -> None:
    pieces = math.ceil(seconds / _ATTENTION)
    for _ in range(pieces):
        if not stopping.is_set():
            await asyncio.sleep(seconds / pieces)


@dataclass(kw_only=True, slots=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @property
    def usable(self) -> bool:
        return not (self.reader.at_eof() or self.writer.is_closing())


@dataclass(kw_only=True, slots=True)
class _Sender:
    load: Load
    answers: list[Answer]
    begun: float
    target: SplitResult = field(init=False)
    requests: tuple[bytes, ...] = field(init=False)
    idle: list[_Connection] = field(default_factory=list)
    under_way: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.target = urlsplit(self.load.url)
        self.requests = tuple(_request(self.target, body) for body in self.load.bodies)

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.begun

    def start(self, number: int, due: float) -> None:
        if len(self.under_way) >= self.load.in_flight:
            self.answers.append(Answer(due=due, seconds=0.0, error="too many requests wait for answers"))
            return
        task = asyncio.create_task(self._exchange(self.requests[number % len(self.requests)], due))
        self.under_way.add(task)
        task.add_done_callback(self.under_way.discard)

    async def settle(self) -> None:
        if self.under_way:
            await asyncio.gather(*self.under_way)

    def close(self) -> None:
        for connection in self.idle:
            connection.writer.close()

    async def _exchange(self, request: bytes, due: float) -> None:
        try:
            async with asyncio.timeout(self.load.timeout):
                status, release = await self._ask(request)
        except TimeoutError:
            self._failed(due, f"no answer in {self.load.timeout:g} s")
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            self._failed(due, f"{type(error).__name__}: {error}")
        else:
            self.answers.append(Answer(due=due, seconds=self.now() - due, status=status, release=release))

    def _failed(self, due: float, error: str) -> None:
        self.answers.append(Answer(due=due, seconds=self.now() - due, error=error))

    async def _ask(self, request: bytes) -> tuple[int, str]:
        connection = await self._connection()
        kept = False
        try:
            connection.writer.write(request)
            status, headers = _parsed(await connection.reader.readuntil(_END_OF_HEAD))
            kept = await _skip_body(connection.reader, headers)
        finally:
            if kept:
                self.idle.append(connection)
            else:
                connection.writer.close()
        return status, headers.get(RELEASE_HEADER, b"").decode("latin-1")

    async def _connection(self) -> _Connection:
        while self.idle:
            connection = self.idle.pop()
            if connection.usable:
                return connection
            connection.writer.close()
        reader, writer = await asyncio.open_connection(self.target.hostname, self.target.port or 80)
        return _Connection(reader=reader, writer=writer)


def _request(target: SplitResult, body: bytes) -> bytes:
    path = (target.path or "/") + (f"?{target.query}" if target.query else "")
    head = f"POST {path} HTTP/1.1\r\nhost: {target.netloc}\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body


def _parsed(head: bytes) -> tuple[int, dict[bytes, bytes]]:
    first, *lines = head.removesuffix(_END_OF_HEAD).split(b"\r\n")
    pairs = (line.partition(b":") for line in lines)
    return int(first.split(b" ", 2)[1]), {name.strip().lower(): value.strip() for name, _, value in pairs}


async def _skip_body(reader: asyncio.StreamReader, headers: dict[bytes, bytes]) -> bool:
    """Read to the body's end; whether the connection can be used again."""
    keeps = headers.get(b"connection", b"").lower() != b"close"
    if b"content-length" in headers:
        await reader.readexactly(int(headers[b"content-length"]))
        return keeps
    if headers.get(b"transfer-encoding", b"").lower() == b"chunked":
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readuntil(b"\r\n")
        return keeps
    await reader.read()
    return False


def read_bodies(path: Path) -> tuple[bytes, ...]:
    """Request bodies, one a line."""
    return tuple(path.read_bytes().splitlines())


def main(argv: Sequence[str] | None = None) -> int:
    """Send a load and say what came of it; 0 when nothing failed."""
    words = argparse.ArgumentParser(description="Send open-loop load to an endpoint of this machine.")
    words.add_argument("url")
    words.add_argument("bodies", type=Path, help="request bodies, one a line")
    words.add_argument("--rate", type=float, default=80.0, help="requests per second")
    words.add_argument("--seconds", type=float, default=10.0)
    told = words.parse_args(argv)
    load = Load(url=told.url, bodies=read_bodies(told.bodies), rate=told.rate, seconds=told.seconds)
    with Traffic(load) as traffic:
        traffic.wait()
    found = summary(traffic.answers())
    print(found)
    return 1 if found.failed else 0


if __name__ == "__main__":
    sys.exit(main())
