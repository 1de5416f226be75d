"""A headless Chromium, for tests that open what people will look at. Run as a program, it installs one."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

from towpath.adapters.process import RealProcesses
from towpath.adapters.toolchain.apt import Apt
from towpath.cli.render import Output
from towpath.cli.reports import StepReport

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "chrome")
_OPTIONS: Final = (
    "--headless",
    "--no-sandbox",  # root may not have one, and only files of our own are opened
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
)


def find() -> str | None:
    """Path of a Chromium."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@dataclass(kw_only=True)
class Page:
    """A page in a browser, steered over its debugging pipe."""

    sending: IO[bytes]
    receiving: IO[bytes]
    session: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ask(self, method: str, **params: object) -> dict[str, Any]:
        """One command of the debugging protocol; what happened meanwhile is in `events`."""
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params}
        self.sending.write(json.dumps(command | ({"sessionId": self.session} if self.session else {})).encode() + b"\0")
        self.sending.flush()
        while True:
            message = self._next()
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self.events.append(message)

    def visit(self, file: Path) -> None:
        """Open a file and wait until it is drawn."""
        self.ask("Page.navigate", url=file.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression: str) -> Any:  # noqa: ANN401 - whatever JSON the page's own numbers are
        """What a JavaScript expression is in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def seen(self, method: str) -> list[dict[str, Any]]:
        """What events of that kind said."""
        return [event["params"] for event in self.events if event.get("method") == method]

    def _next(self) -> dict[str, Any]:
        message = bytearray()
        while not message.endswith(b"\0"):
            piece = self.receiving.read(1)
            assert piece, "the browser ended"
            message += piece
        parsed: dict[str, Any] = json.loads(message[:-1])
        return parsed


@contextmanager
def opened(browser: str, profile: Path) -> Iterator[Page]:
    """An empty page whose console, log and network are listened to."""
    to_read, to_write, from_read, from_write = *os.pipe(), *os.pipe()
    # the browser reads its descriptor 3 and writes its descriptor 4
    words = f'exec "$0" "$@" 3<&{to_read} 4>&{from_write}'
    process = subprocess.Popen(
        ("/bin/bash", "-c", words, browser, *_OPTIONS, f"--user-data-dir={profile}"),
        pass_fds=(to_read, from_write),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    with os.fdopen(to_write, "wb") as sending, os.fdopen(from_read, "rb") as receiving:
        try:
            page = Page(sending=sending, receiving=receiving)
            target = page.ask("Target.createTarget", url="about:blank")["targetId"]
            page.session = page.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                page.ask(f"{domain}.enable")
            yield page
        finally:
            process.kill()
            process.wait()


def install() -> None:
    """Have a Chromium on this machine, or say how to get one."""
    report = StepReport(output=Output(stdout=sys.stdout, stderr=sys.stderr, stdin=sys.stdin))
    if find() is not None:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        report.done("browser", "no Chromium found, and tests open pictures in it; install Chromium or Google Chrome")
        return
    Apt(RealProcesses(sys.executable), os.environ).install("browser, for tests of pictures", ("chromium",), report)


if __name__ == "__main__":
    install()
