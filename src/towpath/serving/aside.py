"""Threads beside the event loop and beside the model's, for requests and answers that are long."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from towpath.serving.tensors import Tensor

LONG_BODY = 2**16
"""Bytes up to which a request is read on the event loop: less than a millisecond."""

_MANY_VALUES = 5_000
_THREADS = 2  # they share one interpreter, so that more would only hold more in memory
_Result = TypeVar("_Result")


class Aside:
    """Does what would hold up everybody else, health checks too."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="aside")

    async def run(self, work: Callable[[], _Result]) -> _Result:
        """Do it in a thread, soon."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def close(self) -> None:
        """Take no more work; what is under way is left to itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def long(tensors: Sequence[Tensor]) -> bool:
    """Whether an answer has too many values for the event loop."""
    return any(len(tensor.data) > _MANY_VALUES for tensor in tensors)
