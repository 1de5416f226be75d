"""The kit's application in this process, and callers that read and leave when the test says so."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp, Message, Scope

from tests.serving.kit import request_of
from towpath.serving.app import application
from towpath.serving.metrics import Requests
from towpath.serving.runtime import Runtime
from towpath.serving.settings import read_settings
from towpath.serving.state import Phase

MODELS = "tests.serving.models"


@dataclass(kw_only=True)
class App:
    """A ready application."""

    asgi: ASGIApp
    runtime: Runtime
    requests: Requests
    weights: Path


@asynccontextmanager
async def app(target: str, home: Path, env: dict[str, str] | None = None) -> AsyncIterator[App]:
    """Serve a model of the folder `models` in this process."""
    settings = read_settings([f"{MODELS}.{target}"], {"TOWPATH_MODEL": "m", **(env or {})}, home)
    settings.weights.mkdir(exist_ok=True)
    runtime, requests = Runtime(settings), Requests()
    runtime.start()
    try:
        await until(lambda: runtime.readiness.now.phase is not Phase.STARTING)
        assert runtime.readiness.now.ready, runtime.readiness.now.reason
        asgi = application(settings, runtime, requests)
        yield App(asgi=asgi, runtime=runtime, requests=requests, weights=settings.weights)
    finally:
        runtime.close()


@dataclass(kw_only=True)
class Caller:
    """One request. It reads its answer at once, unless `reading` is cleared, and stays until `left` is set."""

    app: App
    body: bytes = field(default_factory=lambda: json.dumps(request_of(1)).encode())
    route: str = "infer"
    status: int = 0
    answer: bytes = b""
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: bool = False

    def __post_init__(self) -> None:
        self.reading.set()

    async def ask(self) -> None:
        """From the request's first byte until the application is done with it."""
        await self.app.asgi(_scope(f"/v2/models/m/{self.route}"), self._receive, self._send)

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": self.body, "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            return
        self.answer += message["body"]
        await self.reading.wait()


async def until(wanted: Callable[[], bool]) -> None:
    """Wait until something is so, for at most 20 s."""
    for _ in range(4000):
        if wanted():
            return
        await asyncio.sleep(0.005)
    raise TimeoutError


def _scope(path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
