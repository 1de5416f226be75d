"""Something done again and again in a thread of its own while something else is measured."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def again_and_again(act: Callable[[], None], every: float, first: float | None = None) -> Iterator[None]:
    """Do it until the block ends, so many seconds after the time before.

    Args:
        act: what is done.
        every: seconds between two times.
        first: seconds before the first time; as long as between two of them unless told.
    """
    stop = threading.Event()

    def run() -> None:
        wait = every if first is None else first
        while not stop.wait(wait):
            act()
            wait = every

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
