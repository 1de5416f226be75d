"""Requests for predictions: one answer, or a stream of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from towpath.serving import logs
from towpath.serving.aside import LONG_BODY, long
from towpath.serving.leaving import Callers, WhileHere
from towpath.serving.metrics import Requests
from towpath.serving.model import ModelFailed
from towpath.serving.prediction_log import PredictionLog
from towpath.serving.predictions import PROBE_HEADER
from towpath.serving.protocol import BadInput, InferRequest, encode, parse_request, response
from towpath.serving.refusal import Refusal
from towpath.serving.runtime import Runtime
from towpath.serving.settings import Settings
from towpath.serving.slots import Overloaded
from towpath.serving.state import Phase
from towpath.serving.tensors import Tensor

_HIDDEN = "the model failed; the log of this release says how"
_RETRY = {"retry-after": "1"}
_AS_EVENTS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class _Events(StreamingResponse):
    """Server-sent events that let go of what they hold when they have been sent, or can't be any more."""

    def __init__(self, events: AsyncIterator[bytes], held: AsyncExitStack) -> None:
        super().__init__(events, headers=_AS_EVENTS, media_type="text/event-stream")
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held:
            await super().__call__(scope, receive, send)


class Inference:
    """The endpoints that ask the model."""

    def __init__(self, settings: Settings, runtime: Runtime, requests: Requests, log: PredictionLog) -> None:
        self._settings = settings
        self._runtime = runtime
        self._requests = requests
        self._log = log
        self._version = settings.version
        self._callers = Callers()

    async def infer(self, request: Request) -> Response:
        """One request, one answer."""
        body, probe = await self._read(request), PROBE_HEADER in request.headers
        entry = self._log.begin(request.scope, body, probe=probe)
        try:
            with self._runtime.slots, WhileHere(self._callers, request.receive):
                asked = await self._parsed(body)
                if entry is not None:
                    entry.asked(asked, self._runtime.predictions.features)
                tensors = await self._runtime.predict(asked.inputs, probe=probe)
                answer = await self._encoded(asked, tensors)
        except (BadInput, Overloaded, ModelFailed) as error:
            _refuse(request, error)
        if entry is not None:
            entry.answered(tensors)
        return Response(answer, media_type="application/json")

    async def infer_stream(self, request: Request) -> Response:
        """Server-sent events, one protocol response each, for as long as the model goes on.

        The first is awaited before the status is sent, so that a request that fails at once gets its 400 or 500.
        """
        body = await self._read(request)
        try:
            async with AsyncExitStack() as held:
                held.enter_context(self._runtime.slots)
                asked = await self._parsed(body)
                parts = self._runtime.stream(asked.inputs, probe=PROBE_HEADER in request.headers)
                await held.enter_async_context(aclosing(parts))
                with WhileHere(self._callers, request.receive):
                    first = [await self._encoded(asked, tensors) async for tensors in _first(parts)]
                return _Events(self._events(request, asked, first, parts), held.pop_all())
        except (BadInput, Overloaded, ModelFailed) as error:
            _refuse(request, error)

    async def _events(
        self, request: Request, asked: InferRequest, first: list[bytes], parts: AsyncIterator[list[Tensor]]
    ) -> AsyncIterator[bytes]:
        for body in first:
            yield b"data: %s\n\n" % body
        try:
            async for tensors in parts:
                yield b"data: %s\n\n" % await self._encoded(asked, tensors)
        except (BadInput, ModelFailed) as error:
            self._requests.broken_streams += 1
            logs.failure("stream_failed", error, _facts(request))
            yield b"event: error\ndata: %s\n\n" % encode({"error": _HIDDEN})

    async def _read(self, request: Request) -> bytes:
        named(request, self._settings.model)
        standing = self._runtime.readiness.now
        if standing.phase in (Phase.STARTING, Phase.FAILED):
            raise Refusal(503, f"the model is {standing.phase.value}", headers=_RETRY)
        if "inference-header-content-length" in request.headers:
            raise Refusal(400, "binary tensor data isn't supported: send the tensors as JSON")
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._settings.max_body:
                raise Refusal(413, f"the body is larger than {self._settings.max_body} bytes")
        return bytes(body)

    async def _parsed(self, body: bytes) -> InferRequest:
        if len(body) <= LONG_BODY:
            return parse_request(body, self._runtime.inputs)
        return await self._runtime.aside.run(partial(parse_request, body, self._runtime.inputs))

    async def _encoded(self, asked: InferRequest, tensors: list[Tensor]) -> bytes:
        if not long(tensors):
            return self._encode(asked, tensors)
        return await self._runtime.aside.run(partial(self._encode, asked, tensors))

    def _encode(self, asked: InferRequest, tensors: list[Tensor]) -> bytes:
        answer = response(asked, tensors, self._settings.model, self._version)
        try:
            return encode(answer)
        except (ValueError, TypeError) as error:
            message = f"the answer can't be written as JSON: {error}"
            raise ModelFailed(message) from error


def named(request: Request, model: str) -> None:
    """Hold the name in the URL against the one model there is.

    Raises:
        Refusal: 404.
    """
    name = request.path_params["name"]
    if name != model:
        raise Refusal(404, f"there is no model {name!r} here; this is {model!r}")


async def _first(parts: AsyncIterator[list[Tensor]]) -> AsyncIterator[list[Tensor]]:
    part = await anext(parts, None)
    if part is not None:
        yield part


def _refuse(request: Request, error: BadInput | Overloaded | ModelFailed) -> NoReturn:
    if isinstance(error, BadInput):
        raise Refusal(400, "; ".join(error.problems), error.problems) from error
    if isinstance(error, Overloaded):
        raise Refusal(503, "too many requests wait already", headers=_RETRY) from error
    logs.failure("predict_failed", error, _facts(request))
    raise Refusal(500, _HIDDEN) from error


def _facts(request: Request) -> dict[str, object]:
    return {"path": request.url.path, "request_id": request.headers.get("x-request-id")}
