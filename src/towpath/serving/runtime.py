"""A model and what it runs on: a loader thread, then a small pool of prediction threads, and never the event loop."""

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from inspect import isawaitable
from itertools import islice
from pathlib import Path
from typing import TypeVar

from towpath.serving import logs
from towpath.serving import model as user
from towpath.serving.aside import Aside, long
from towpath.serving.predictions import Predictions, read_reference
from towpath.serving.protocol import BadInput, Inputs, TensorSpec, encode, parse_request
from towpath.serving.reference import BadReference
from towpath.serving.settings import Settings
from towpath.serving.slots import Slots
from towpath.serving.state import Phase, Readiness
from towpath.serving.tensors import OutputError, Tensor, tensors_of

_WARM_ROWS = 8
_Result = TypeVar("_Result")
_END = object()


class Runtime:
    """One release's model. `start` returns at once; `readiness` says how far it is.

    Attributes:
        slots: one of them is held by whoever calls `predict` or goes through a `stream`.
        aside: for work on a request that isn't the model's.
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
        self.aside = Aside()

    def start(self) -> None:
        """Load and warm the model in a thread that doesn't hold the process back when it is told to stop.

        What of it is `async` runs on the event loop this is called on, where its predictions will.
        """
        here = asyncio.get_running_loop()
        threading.Thread(target=self._become_ready, args=(here,), name="load", daemon=True).start()

    def close(self) -> None:
        """Take no more work; a prediction under way is left to itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.aside.close()

    async def predict(self, inputs: Inputs, *, probe: bool) -> list[Tensor]:
        """Ask the model once.

        Raises:
            BadInput: the model refused the inputs, or answers in streams only.
            ModelFailed: the model raised, or answered what no tensor can hold.
        """
        answer = await self._in_pool(functools.partial(self._count_and_ask, inputs, probe=probe))
        if user.is_stream(answer):
            raise BadInput("this model answers in a stream: use infer_stream")
        tensors = _tensors(await user.awaited(answer)) if isawaitable(answer) else _tensors(answer)
        await self._count(tensors, probe=probe)
        return tensors

    async def stream(self, inputs: Inputs, *, probe: bool) -> AsyncGenerator[list[Tensor], None]:
        """Ask the model and give its answers as they come; a model without a stream gives one.

        Raises:
            As `predict`.
        """
        answers = self._answers(functools.partial(self._count_and_ask, inputs, probe=probe))
        async with aclosing(answers):
            async for tensors in answers:
                await self._count(tensors, probe=probe)
                yield tensors

    async def _answers(self, ask: Callable[[], object]) -> AsyncGenerator[list[Tensor], None]:
        """Everything that comes of asking, whatever kind of `predict` the model has."""
        answer = await self._in_pool(ask)
        if isawaitable(answer):
            answer = await user.awaited(answer)
        if isinstance(answer, AsyncIterator):
            async for part in user.guarded(answer):
                yield _tensors(part)
        elif isinstance(answer, Iterator):
            while (tensors := await self._in_pool(functools.partial(_next, answer))) is not None:
                yield tensors
        else:
            yield _tensors(answer)

    async def _count(self, tensors: list[Tensor], *, probe: bool) -> None:
        if long(tensors):
            await self.aside.run(functools.partial(self.predictions.observe, tensors, probe=probe))
        else:
            self.predictions.observe(tensors, probe=probe)

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

    async def _in_pool(self, work: Callable[[], _Result]) -> _Result:
        future = self._pool.submit(work)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            self.slots.abandon(future)
            raise

    def _become_ready(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            model = user.make(self._settings.target)
            self.inputs, self.outputs = user.declared(model, "inputs"), user.declared(model, "outputs")
            self.predictions = self._reference()
            _finish(user.load(model, self._settings.weights), "load", loop)
            self._model = model
            self.readiness.starting("warming up")
            self._warm_up(model, loop)
        except (user.ModelFailed, BadReference, BadInput) as error:
            self.readiness.fail(str(error))
            if self.readiness.now.phase is Phase.FAILED:  # not for what an end of the process cut short
                logs.failure("load_failed", error, {"reason": str(error)})
        else:
            self.readiness.ready()
            logs.event("ready", model=self._settings.model, target=self._settings.target)

    def _reference(self) -> Predictions:
        file = self._settings.find("reference.json")
        return read_reference(file, count_inputs=self._settings.count_inputs)

    def _warm_up(self, model: user.Servable, loop: asyncio.AbstractEventLoop) -> None:
        own, holdout = user.warm_up_of(model), self._settings.find("holdout.jsonl")
        if own is not None:
            with user.user_code("warm_up"):
                done = own()
            _finish(done, "warm_up", loop)
        elif holdout is not None:
            self._answer_rows(holdout, loop)

    def _answer_rows(self, holdout: Path, loop: asyncio.AbstractEventLoop) -> None:
        """Answer the first rows of the hold-out from JSON to JSON, so that no first caller pays for it."""
        doing = f"warm-up with {holdout.name}"
        with user.user_code(doing), holdout.open("rb") as lines:
            rows = filter(None, map(bytes.strip, lines))  # blank lines are no rows for whoever sends them either
            for row in islice(rows, _WARM_ROWS):
                asked = parse_request(row, self.inputs)
                _finish(self._rehearse(asked.inputs), doing, loop)

    async def _rehearse(self, inputs: Inputs) -> None:
        answers = self._answers(functools.partial(self._ask, inputs))
        async with aclosing(answers):
            async for tensors in answers:
                encode({"outputs": [tensor.as_json() for tensor in tensors]})


class _Converted(list[Tensor]):
    """Tensors made in the prediction thread, so that the event loop needn't."""


def _tensors(answer: object) -> _Converted:
    if isinstance(answer, _Converted):
        return answer
    try:
        return _Converted(tensors_of(answer))
    except OutputError as error:
        raise user.ModelFailed(str(error)) from error


def _next(answers: Iterator[object]) -> _Converted | None:
    with user.user_code("predict"):
        part = next(answers, _END)
    return None if part is _END else _tensors(part)


def _finish(begun: object, doing: str, loop: asyncio.AbstractEventLoop) -> None:
    """Wait for what has to be awaited; anything else has been done already."""
    if isawaitable(begun):
        with user.user_code(doing):
            asyncio.run_coroutine_threadsafe(user.awaited(begun, doing), loop).result()
