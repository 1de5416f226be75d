"""Callers that go away before they have their answer."""

import asyncio

from starlette.requests import ClientDisconnect
from starlette.types import Receive

_TICK_SECONDS = 0.05


class Callers:
    """Those that wait for an answer. They are listened to from the next tick on, which is never for most of them."""

    def __init__(self) -> None:
        self._unheard: set[WhileHere] = set()
        self._ticks = False

    def came(self, caller: "WhileHere") -> None:
        """One more waits."""
        self._unheard.add(caller)
        if not self._ticks:  # one timer for all, for one for each would cost more than all the rest of this
            self._ticks = True
            asyncio.get_running_loop().call_later(_TICK_SECONDS, self._listen)

    def went(self, caller: "WhileHere") -> None:
        """It needn't be listened to."""
        self._unheard.discard(caller)

    def _listen(self) -> None:
        self._ticks = False
        for caller in self._unheard:
            caller.listen()
        self._unheard.clear()


class WhileHere:
    """`with WhileHere(callers, receive):` calls off what it surrounds when the caller goes away.

    The request's body has been read; what the task awaits meanwhile gets `CancelledError`.
    """

    def __init__(self, callers: Callers, receive: Receive) -> None:
        self._callers = callers
        self._receive = receive
        self._asking: asyncio.Task[object] | None = None
        self._listening: asyncio.Task[None] | None = None
        self._left = False

    def __enter__(self) -> None:
        """Begin."""
        self._asking = asyncio.current_task()
        self._callers.came(self)

    def __exit__(self, *_: object) -> None:
        """Look no longer.

        Raises:
            ClientDisconnect: the caller went away.
        """
        self._callers.went(self)
        if self._listening is not None:
            self._listening.cancel()
        if self._left and self._asking is not None and not self._asking.uncancel():
            raise ClientDisconnect

    def listen(self) -> None:
        """Hear from now on whether it goes away."""
        self._listening = asyncio.create_task(self._call_off())

    async def _call_off(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self._asking is not None:
            self._left = self._asking.cancel()
