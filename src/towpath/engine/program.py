"""Processes for Pulumi programs, forked from one that has the SDK imported already.

The first process is forked before the host imports gRPC, so it holds no thread and no connection, and imports the SDK
while the host starts. Config, which holds secrets, comes over a socket: never in argv, environment or a file.
"""

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Final, NoReturn

_LENGTH: Final = 4
_SIGNALLED: Final = 128
_LOST: Final = "the process that runs programs ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One run of a program."""

    project: str
    stack: str
    organization: str
    monitor: str
    engine: str
    parallel: int
    dry_run: bool
    root: str
    folder: str
    program: str
    arguments: tuple[str, ...]
    config: dict[str, str] = field(repr=False)
    secret_keys: tuple[str, ...]


class Programs:
    """The host's end: runs one program at a time."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair()
        engine = os.getppid()
        self.pid = os.fork()
        if self.pid == 0:
            self._channel.close()
            _serve(theirs, engine)
        theirs.close()

    def run(self, job: Job) -> int:
        """Run it to the end and return its exit code; 128 + n when signal n killed it."""
        _send(self._channel, json.dumps(asdict(job)).encode())
        reply = _receive(self._channel)
        if reply is None:
            raise ConnectionError(_LOST)
        return int(reply)


def _serve(channel: socket.socket, engine: int) -> NoReturn:
    """Wait for jobs until the host is gone."""
    # the engine may stop the host at any time, also in the middle of this import
    _on_stop(signal.SIG_DFL)
    from towpath.engine.execute import execute  # noqa: PLC0415 - imports the SDK, while the host starts
    from towpath.engine.providers import serve_providers  # noqa: PLC0415 - as above

    serve_providers(engine)
    while (message := _receive(channel)) is not None:
        job = Job(**json.loads(message))
        _send(channel, str(_in_child(partial(execute, job), channel)).encode())
    os._exit(0)


def _in_child(work: Callable[[], int], channel: socket.socket) -> int:
    ended, alive = os.pipe()  # the child's end closes when it ends, whatever ends it
    child = os.fork()
    if child == 0:
        channel.close()
        os.close(ended)
        _be_child(work)
    os.close(alive)
    _on_stop(lambda *_: _abandon(child))
    ready, _, _ = select.select([ended, channel.fileno()], [], [])
    if ended not in ready:
        _abandon(child)
    _on_stop(signal.SIG_DFL)
    os.close(ended)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else _SIGNALLED - code


def _on_stop(handler: signal.Handlers | Callable[..., NoReturn]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, handler)


def _abandon(child: int) -> NoReturn:
    os.kill(child, signal.SIGKILL)
    os._exit(0)


def _be_child(work: Callable[[], int]) -> NoReturn:
    _on_stop(signal.SIG_DFL)
    code = 1
    try:
        code = work()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _send(channel: socket.socket, message: bytes) -> None:
    channel.sendall(len(message).to_bytes(_LENGTH, "big") + message)


def _receive(channel: socket.socket) -> bytes | None:
    head = _exactly(channel, _LENGTH)
    return None if head is None else _exactly(channel, int.from_bytes(head, "big"))


def _exactly(channel: socket.socket, size: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < size:
        part = channel.recv(size - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
