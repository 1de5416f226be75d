"""Work in several threads that nobody has to wait for when it went wrong."""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, Future, wait
from typing import TypeVar

T = TypeVar("T")
S = TypeVar("S")


def in_parallel(work: Callable[[S], T], items: Iterable[S], at_once: int) -> tuple[T, ...]:
    """What the work gives for each item, in their order.

    The first failure or an interrupt is raised at once. Items not begun are left out then; threads in the middle of one
    are left behind, and keep no process from ending: one may wait minutes for a server that says nothing.
    """
    tasks = [(item, Future[T]()) for item in items]
    waiting = deque(tasks)
    for _ in tasks[:at_once]:
        # not a ThreadPoolExecutor, whose threads are waited for when the process ends
        threading.Thread(target=_work, args=(work, waiting), name="parallel", daemon=True).start()
    try:
        done, _ = wait([future for _, future in tasks], return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
    finally:
        waiting.clear()
    return tuple(future.result() for _, future in tasks)


def _work(work: Callable[[S], T], waiting: deque[tuple[S, Future[T]]]) -> None:
    while waiting:
        try:
            item, future = waiting.popleft()
        except IndexError:  # another thread was faster
            return
        try:
            future.set_result(work(item))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the result gets it
            waiting.clear()
            future.set_exception(error)
