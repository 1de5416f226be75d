"""The real registry on a free port, and a wire that counts what goes to it.

It is `docker-registry` of Debian where that is installed, else the image that `deploy setup` made or pulled.
"""

import http.client
import json
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.ports import free_port

PROGRAM = shutil.which("docker-registry")
_CONFIG = """version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {root}}}, delete: {{enabled: true}}}}
http: {{addr: 127.0.0.1:{port}}}
"""


_INSTANCE = Path(__file__).parents[3] / ".towpath" / "instance.json"


def registry_image() -> str:
    """What `deploy setup` of this checkout runs as a registry; empty before a setup."""
    if not _INSTANCE.is_file():
        return ""
    return str(json.loads(_INSTANCE.read_text(encoding="utf-8"))["images"]["registry"])


def available() -> bool:
    return PROGRAM is not None or bool(registry_image())


@contextmanager
def real_registry(folder: Path) -> Iterator[str]:
    """Its host, once it answers; it keeps everything in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with _installed(folder) if PROGRAM is not None else _contained(folder) as host:
        yield host


@contextmanager
def _contained(folder: Path) -> Iterator[str]:
    port, name = free_port(), f"towpath-test-registry-{os.getpid()}-{folder.name}"
    volume, published = f"{folder / 'data'}:/var/lib/registry", f"127.0.0.1:{port}:5000"
    words = ("run", "--detach", "--rm", "--name", name, "--publish", published, "--volume", volume, registry_image())
    subprocess.run(["docker", *words], check=True, capture_output=True)  # noqa: S607 - found on the path
    try:
        _wait_until_it_answers(port)
        yield f"127.0.0.1:{port}"
    finally:
        subprocess.run(["docker", "rm", "--force", name], check=True, capture_output=True)  # noqa: S607 - as above


@contextmanager
def _installed(folder: Path) -> Iterator[str]:
    port = free_port()
    config = folder / "config.yml"
    config.write_text(_CONFIG.format(root=folder / "data", port=port), encoding="utf-8")
    assert PROGRAM is not None
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", str(config)], stdout=log, stderr=log)
        try:
            _wait_until_it_answers(port)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(10)


def _wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/v2/")
            if connection.getresponse().status == http.client.OK:
                return
        except ConnectionError:
            time.sleep(0.02)  # another process starts; there is no clock to pass to it
        finally:
            connection.close()
    raise AssertionError("the registry did not start within 10 s")


class CountingWire:
    """Passes bytes on to a host and counts those that go there."""

    def __init__(self, target: str) -> None:
        self._target = (target.split(":", maxsplit=1)[0], int(target.split(":")[1]))
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self.host = f"127.0.0.1:{self._server.getsockname()[1]}"
        self.sent = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        for one in (self._server, *self._sockets):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._server.accept()
                there = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [here, there]
            threading.Thread(target=self._pass, args=(here, there), kwargs={"counted": True}, daemon=True).start()
            threading.Thread(target=self._pass, args=(there, here), kwargs={"counted": False}, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, *, counted: bool) -> None:
        try:
            while piece := source.recv(65536):
                self.sent += len(piece) if counted else 0
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return
