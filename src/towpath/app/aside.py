"""Work that goes on beside the caller's own."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Generic, TypeVar

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


class Later(Generic[T]):
    """Work that is done once, in a thread, from when it is begun or asked for; it may be cut off anywhere.

    Args:
        work: what is done.
        turns: held meanwhile; of all that is given the same, one is done at a time.
    """

    def __init__(self, work: Callable[[], T], turns: AbstractContextManager[object] | None = None) -> None:
        self._work = work
        self._turns = turns or nullcontext()
        self._first = threading.Lock()
        self._future: Future[T] | None = None

    def begin(self) -> None:
        """Have it done, and go on."""
        self._begun()

    def result(self) -> T:
        """What came of it; waits for it, and raises what went wrong."""
        return self._begun().result()

    def _begun(self) -> "Future[T]":
        with self._first:
            if self._future is None:
                self._future, _ = _start(self._in_turn)
            return self._future

    def _in_turn(self) -> T:
        with self._turns:
            return self._work()


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
