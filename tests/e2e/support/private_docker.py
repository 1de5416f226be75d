"""A Docker daemon of a test's own, which may be killed and started again."""

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = 60.0
_LOOK = 0.2


class PrivateDocker:
    """Own data, socket, container runtime and network namespace; the machine's own daemon and rules are left alone.

    Attributes:
        host: address of its socket.
        inside: words before a command that is to reach what the daemon's containers publish.
    """

    def __init__(self, folder: Path, namespace: str) -> None:
        self._folder = folder
        self.inside = ("nsenter", f"--net=/run/netns/{namespace}")
        self.host = f"unix://{folder}/docker.sock"
        self._daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the daemon and wait until it answers."""
        with (self._folder / "dockerd.log").open("ab") as log:
            self._daemon = subprocess.Popen(self._words(), stdout=log, stderr=log, start_new_session=True)
        end = time.monotonic() + _PATIENCE
        while not self._answers():
            log_text = (self._folder / "dockerd.log").read_text(errors="replace")
            assert self._daemon.poll() is None, f"dockerd ended:\n{log_text[-3000:]}"
            assert time.monotonic() < end, f"dockerd does not answer:\n{log_text[-3000:]}"
            time.sleep(_LOOK)

    def stop(self) -> None:
        """End the daemon as a restart of its service does, its containers with it."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(_PATIENCE)
            self._daemon = None

    def _words(self) -> list[str]:
        folder = self._folder
        return [
            *self.inside,
            "dockerd",
            f"--host={self.host}",
            f"--data-root={folder}/data",
            f"--exec-root={folder}/exec",
            f"--pidfile={folder}/pid",
            "--containerd-namespace=towpath-e2e",
            "--containerd-plugins-namespace=towpath-e2e-plugins",
        ]

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(5)
            try:
                asking.connect(self.host.removeprefix("unix://"))
                asking.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                return b" 200 " in asking.recv(64)
            except OSError:
                return False


@contextmanager
def private_docker(folder: Path) -> Iterator[PrivateDocker]:
    """A daemon in that folder, which must have a short path; nothing of it is left afterwards."""
    folder.mkdir(parents=True)
    namespace = f"towpath-{secrets.token_hex(4)}"
    made = PrivateDocker(folder, namespace)
    _ip("netns", "add", namespace)
    try:
        _ip("-n", namespace, "link", "set", "lo", "up")
        made.start()
        yield made
    finally:
        made.stop()
        _ip("netns", "delete", namespace)
        shutil.rmtree(folder, ignore_errors=True)


def _ip(*words: str) -> None:
    subprocess.run([shutil.which("ip") or "ip", *words], check=True)


def missing() -> str:
    """Why no daemon can be started here; empty when one can."""
    lacking = [program for program in ("dockerd", "containerd", "ip", "nsenter") if shutil.which(program) is None]
    if lacking:
        return f"a daemon of its own needs {', '.join(lacking)} on this machine"
    return "" if os.geteuid() == 0 else "a daemon of its own needs root"
