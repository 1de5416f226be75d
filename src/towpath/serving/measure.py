"""Every request for a prediction is counted and timed here, from its head to the last byte of its answer."""

import asyncio
import time
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from towpath.serving import logs
from towpath.serving.metrics import Requests
from towpath.serving.prediction_log import PredictionLog
from towpath.serving.state import Phase, Readiness

RELEASE_HEADER = "x-towpath-release"
_ROUTES = ("infer", "infer_stream")
_CALLER_LEFT = 499
_CLOSE = ((b"connection", b"close"),)


@dataclass(slots=True)
class Measured:
    """ASGI middleware: counts, and while draining asks callers to close their connection.

    Attributes:
        release: digest that every answer names; empty when the release doesn't know its own.
        access_log: log a line per request.
        log: gets the requests that were taken into the log of predictions.
    """

    app: ASGIApp
    requests: Requests
    readiness: Readiness
    release: str
    access_log: bool
    log: PredictionLog
    _marks: list[tuple[bytes, bytes]] = field(init=False)

    def __post_init__(self) -> None:
        """Write the release's header once for all answers."""
        self._marks = [(RELEASE_HEADER.encode(), self.release.encode())] if self.release else []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on; measure what asks for a prediction."""
        route = scope["path"].rpartition("/")[2] if scope["type"] == "http" else ""
        if route not in _ROUTES:
            await self.app(scope, receive, send)
            return
        code, whole, began = 500, False, time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal code, whole
            if message["type"] == "http.response.start":
                code = message["status"]
                self._mark(message)
                await send(message)
                return
            await send(message)
            whole = not message.get("more_body")

        self.requests.began()
        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            code = _CALLER_LEFT
        except asyncio.CancelledError:  # only the server's end calls a request off from outside
            self.requests.cut += 1
            raise
        else:
            code = code if whole else _CALLER_LEFT  # a stream just ends when nobody listens any more
        finally:
            self._ended(scope, route, code, time.perf_counter() - began)

    def _mark(self, message: Message) -> None:
        draining = self.readiness.now.phase is Phase.DRAINING
        # added, not replaced, which takes longer: nothing inside sets either
        message["headers"] = [*message["headers"], *self._marks, *(_CLOSE if draining else ())]

    def _ended(self, scope: Scope, route: str, code: int, seconds: float) -> None:
        self.requests.ended(route, code, seconds)
        self.log.ended(scope, code, seconds)
        if self.access_log:
            request_id = Headers(scope=scope).get("x-request-id")
            logs.event("request", route=route, code=code, seconds=round(seconds, 6), request_id=request_id)
