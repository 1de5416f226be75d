"""Admission: how many requests may be on their way from a body that is there to the end of their answer."""

from concurrent.futures import Future
from typing import Any


class Overloaded(Exception):  # noqa: N818 - a state, answered with 503
    """All threads are busy and the queue is full."""


class Slots:
    """`with slots:` holds one of them, from before a request is parsed until its whole answer is there.

    Only the event loop touches it.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held = 0
        self._abandoned: list[Future[Any]] = []

    def __enter__(self) -> None:
        """Take one.

        Raises:
            Overloaded: none is left.
        """
        self._abandoned = [work for work in self._abandoned if not work.done()]
        if self._held + len(self._abandoned) >= self._most:
            raise Overloaded
        self._held += 1

    def __exit__(self, *_: object) -> None:
        """Give it back."""
        self._held -= 1

    def abandon(self, work: Future[Any]) -> None:
        """Call off what nobody waits for any longer; what has begun goes on, and takes a slot for as long."""
        if not work.cancel():
            self._abandoned.append(work)
