"""Work that goes on beside the caller's own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Final, TypeVar

T = TypeVar("T")

_LAST_SECONDS: Final = 10.0  # that work which was stopped gets to clear up behind itself


@contextmanager
def aside(work: Callable[[], T], stop: Callable[[], None]) -> Iterator["Future[T]"]:
    """Do `work` in a thread while the block runs; a block that fails or is interrupted stops it.

    The block must ask for the result: nothing waits for it otherwise, and an error of it comes out there.
    """
    future, thread = _start(work)
    try:
        yield future
    except BaseException:
        stop()
        thread.join(_LAST_SECONDS)
        raise


def begun(work: Callable[[], T]) -> "Future[T]":
    """Begin work that may be cut off anywhere; its result, or its error, comes out where it is asked for."""
    return _start(work)[0]


def _start(work: Callable[[], T]) -> "tuple[Future[T], threading.Thread]":
    future: Future[T] = Future()
    thread = threading.Thread(target=_fill, args=(future, work), daemon=True)
    thread.start()
    return future, thread


def _fill(future: "Future[T]", work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - whoever asks for the result gets it
        future.set_exception(error)
