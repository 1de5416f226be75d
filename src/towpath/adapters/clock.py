"""Real time: waits that an interrupt ends, and ticks beside whatever the driver is doing."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from towpath.core.errors import Interrupted

_BOOTTIME: Final = getattr(time, "CLOCK_BOOTTIME", None)  # goes on while a machine is suspended; Linux only


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemClock:
    """The machine's clock.

    Attributes:
        stop: set by whoever catches signals; ends every wait at once.
    """

    stop: threading.Event = field(default_factory=threading.Event)

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never jump and, where the system can, don't stand still during a suspend."""
        return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)

    def sleep(self, seconds: float) -> None:
        """Wait; ends with `Interrupted` as soon as `stop` is set."""
        if self.stop.wait(max(0.0, seconds)):
            raise Interrupted("interrupted", "`deploy resume` goes on")


@dataclass(frozen=True, kw_only=True, slots=True)
class ThreadTicker:
    """Runs an action again and again in a thread of its own, until told to stop."""

    def every(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Run `action` every so many seconds, the first time after one wait; gives back what ends it.

        The end waits for an action under way unless it is called from within one.
        """
        done = threading.Event()
        thread = threading.Thread(target=_tick, args=(seconds, action, done), daemon=True)
        thread.start()

        def end() -> None:
            done.set()
            if threading.current_thread() is not thread:
                thread.join(timeout=seconds)

        return end


def _tick(seconds: float, action: Callable[[], None], done: threading.Event) -> None:
    while not done.wait(seconds):
        action()
