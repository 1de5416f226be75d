"""A model and what it runs on: a loader thread, then a small pool of prediction threads, and never the event loop."""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from inspect import isawaitable
from itertools import islice
from pathlib import Path
from typing import TypeVar

from towpath.serving import logs
from towpath.serving import model as user
from towpath.serving.predictions import Predictions, read_reference
from towpath.serving.protocol import BadInput, Inputs, TensorSpec, encode, parse_request
from towpath.serving.reference import BadReference
from towpath.serving.settings import Settings
from towpath.serving.slots import Slots
from towpath.serving.state import Readiness
from towpath.serving.tensors import OutputError, Tensor, tensors_of

_WARM_ROWS = 8
_Result = TypeVar("_Result")
_END = object()


class Runtime:
    """One release's model. `start` returns at once; `readiness` says how far it is.

    Attributes:
        slots: one of them is held by whoever calls `predict` or goes through a `stream`.
    """

    def __init__(self, settings: Settings) -> None:
        self.readiness = Readiness()
        self.predictions = Predictions()
        self.inputs: tuple[TensorSpec, ...] = ()
        self.outputs: tuple[TensorSpec, ...] = ()
        self._settings = settings
        self._model: user.Servable | None = None
        self._pool = ThreadPoolExecutor(max_workers=settings.threads, thread_name_prefix="predict")
        self.slots = Slots(settings.threads + settings.queue)

    def start(self) -> None:
        """Load and warm the model in a thread that doesn't hold the process back when it is told to stop."""
        threading.Thread(target=self._become_ready, name="load", daemon=True).start()

    def close(self) -> None:
        """Take no more work; a prediction under way is left to itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def predict(self, inputs: Inputs, *, probe: bool) -> list[Tensor]:
        """Ask the model once.

        Raises:
            BadInput: the model refused the inputs, or answers in streams only.
            ModelFailed: the model raised, or answered what no tensor can hold.
        """
        answer = await self._in_pool(functools.partial(self._count_and_ask, inputs, probe=probe))
        if user.is_stream(answer):
            raise BadInput("this model answers in a stream: use infer_stream")
        if isawaitable(answer):
            answer = await _awaited(answer)
        return await self._tensors(answer, probe=probe)

    async def stream(self, inputs: Inputs, *, probe: bool) -> AsyncGenerator[list[Tensor], None]:
        """Ask the model and give its answers as they come; a model without a stream gives one.

        Raises:
            As `predict`.
        """
        answer = await self._in_pool(functools.partial(self._count_and_ask, inputs, probe=probe))
        if isawaitable(answer):
            answer = await _awaited(answer)
        if isinstance(answer, AsyncIterator):
            async for part in _guarded(answer):
                yield await self._tensors(part, probe=probe)
        elif isinstance(answer, Iterator):
            while (part := await self._in_pool(functools.partial(_next, answer))) is not _END:
                yield await self._tensors(part, probe=probe)
        else:
            yield await self._tensors(answer, probe=probe)

    def _count_and_ask(self, inputs: Inputs, *, probe: bool) -> object:
        """Counted first, and not on the event loop: a request may have very many rows."""
        self.predictions.inputs.observe(inputs, probe=probe)
        return self._ask(inputs)

    def _ask(self, inputs: Inputs) -> object:
        if self._model is None:
            message = "the model isn't loaded"
            raise user.ModelFailed(message)
        with user.user_code("predict"):
            answer = self._model.predict(inputs)
        return answer if user.is_stream(answer) or isawaitable(answer) else _tensors(answer)

    async def _tensors(self, answer: object, *, probe: bool) -> list[Tensor]:
        tensors = answer if isinstance(answer, _Converted) else _tensors(answer)
        self.predictions.observe(tensors, probe=probe)
        return tensors

    async def _in_pool(self, work: Callable[[], _Result]) -> _Result:
        future = self._pool.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.slots.abandon(future)
            raise

    def _become_ready(self) -> None:
        try:
            model = user.make(self._settings.target)
            self.inputs, self.outputs = user.declared(model, "inputs"), user.declared(model, "outputs")
            self.predictions = self._reference()
            user.load(model, self._settings.weights)
            self._model = model
            self.readiness.starting("warming up")
            self._warm_up(model)
        except (user.ModelFailed, BadReference, BadInput) as error:
            self.readiness.fail(str(error))
            logs.failure("load_failed", error, {"reason": str(error)})
        else:
            self.readiness.ready()
            logs.event("ready", model=self._settings.model, target=self._settings.target)

    def _reference(self) -> Predictions:
        file = self._settings.find("reference.json")
        return read_reference(file, count_inputs=self._settings.count_inputs)

    def _warm_up(self, model: user.Servable) -> None:
        own, holdout = user.warm_up_of(model), self._settings.find("holdout.jsonl")
        if own is not None:
            with user.user_code("warm_up"):
                own()
        elif holdout is not None:
            self._answer_rows(holdout)

    def _answer_rows(self, holdout: Path) -> None:
        """Answer the first rows of the hold-out from JSON to JSON, so that no first caller pays for it."""
        with user.user_code(f"warm-up with {holdout.name}"), holdout.open("rb") as lines:
            rows = filter(None, map(bytes.strip, lines))  # blank lines are no rows for whoever sends them either
            for row in islice(rows, _WARM_ROWS):
                answer = self._ask(parse_request(row, self.inputs).inputs)
                if isinstance(answer, _Converted):
                    encode({"outputs": [tensor.as_json() for tensor in answer]})


class _Converted(list[Tensor]):
    """Tensors made in the prediction thread, so that the event loop needn't."""


def _tensors(answer: object) -> _Converted:
    try:
        return _Converted(tensors_of(answer))
    except OutputError as error:
        raise user.ModelFailed(str(error)) from error


def _next(answers: Iterator[object]) -> object:
    with user.user_code("predict"):
        return next(answers, _END)


async def _awaited(answer: Awaitable[object]) -> object:
    with user.user_code("predict"):
        return await answer


async def _guarded(answers: AsyncIterator[object]) -> AsyncIterator[object]:
    with user.user_code("predict"):
        async for part in answers:
            yield part
