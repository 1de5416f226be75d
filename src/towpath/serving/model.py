"""The user's class: found, made, loaded, warmed and asked. The only place that runs code the kit doesn't know."""

import contextlib
import importlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol, cast

from towpath.serving.protocol import BadInput, Inputs, TensorSpec
from towpath.serving.tensors import DATATYPES


class ModelFailed(Exception):  # noqa: N818 - what happened; `__cause__` is the model's own exception
    """The user's code raised; the message is fit for an operator, not for a caller."""


class Servable(Protocol):
    """What the kit needs of a user's class. `load` and `warm_up` are looked up, for a class may lack them."""

    def predict(self, inputs: Inputs) -> object:
        """An answer, an awaitable of one, or a generator of them."""
        ...


@contextlib.contextmanager
def user_code(doing: str) -> Iterator[None]:
    """Run the user's code; whatever it raises becomes `ModelFailed`, except the word it has for a bad request.

    Raises:
        ModelFailed: it raised, or tried to end the process.
        BadInput: it said that the request is wrong.
    """
    try:
        yield
    except (BadInput, ModelFailed):
        raise
    except (Exception, SystemExit) as error:
        message = f"{doing}: {type(error).__name__}: {error}"
        raise ModelFailed(message) from error


def make(target: str) -> Servable:
    """Import `module:Class` and make one.

    Raises:
        ModelFailed: with what is wrong about it.
    """
    module_name, colon, class_name = target.partition(":")
    if not colon or not module_name or not class_name:
        message = f"{target!r} must name a class as module:Class"
        raise ModelFailed(message)
    with user_code(f"import of {module_name}"):
        module = importlib.import_module(module_name)
    found = getattr(module, class_name, None)
    if not isinstance(found, type) or not callable(getattr(found, "predict", None)):
        message = f"{target} must be a class with a method predict(self, inputs)"
        raise ModelFailed(message)
    with user_code(f"{class_name}()"):
        return cast("Servable", found())


def load(model: Servable, weights: Path) -> object:
    """Call the model's `load`, with the weights folder when it takes one; set `model.weights` first.

    Gives back what it gives: of an `async def`, something to be awaited.

    Raises:
        ModelFailed: `load` raised.
    """
    with user_code("load"):
        model.weights = weights  # type: ignore[attr-defined]  # a promise to the user's class, which needn't declare it
        method: Callable[..., object] | None = getattr(model, "load", None)
        if method is None:
            return None
        return method(weights) if inspect.signature(method).parameters else method()


def warm_up_of(model: Servable) -> Callable[[], object] | None:
    """The model's own warm-up, if it has one."""
    method: Callable[[], object] | None = getattr(model, "warm_up", None)
    return method


def declared(model: Servable, which: str) -> tuple[TensorSpec, ...]:
    """The tensors the class declares as `inputs` or `outputs`; none declared: none checked.

    Raises:
        ModelFailed: the declaration is not a list of name, datatype and shape.
    """
    written = getattr(model, which, None)
    if written is None:
        return ()
    try:
        specs = tuple(
            TensorSpec(name=str(item["name"]), datatype=str(item["datatype"]), shape=tuple(item["shape"]))
            for item in written
        )
    except (KeyError, TypeError) as error:
        message = f"{which} must be a list of objects with name, datatype and shape: {error!r}"
        raise ModelFailed(message) from error
    for spec in specs:
        if spec.datatype not in DATATYPES:
            message = f"{which}: {spec.name} has datatype {spec.datatype!r}; there are {', '.join(DATATYPES)}"
            raise ModelFailed(message)
    return specs


async def awaited(answer: Awaitable[object], doing: str = "predict") -> object:
    """Await what the user's code gave.

    Raises:
        ModelFailed, BadInput: as `user_code`.
    """
    with user_code(doing):
        return await answer


async def guarded(answers: AsyncIterator[object]) -> AsyncIterator[object]:
    """Go through a stream of the user's.

    Raises:
        ModelFailed, BadInput: as `user_code`.
    """
    with user_code("predict"):
        async for part in answers:
            yield part


def is_stream(answer: object) -> bool:
    """True for what a `predict` with `yield` gives back."""
    return isinstance(answer, Iterator | AsyncIterator)
