"""A clock that moves when slept, and runs what is due on the way."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class _Due:
    at: float
    every: float
    action: Callable[[], None]


@dataclass(kw_only=True)
class FakeClock:
    """Wall time and monotonic time move together, by `sleep` only; also a `Ticker`, whose actions `sleep` runs."""

    time: float = 1_700_000_000.0
    slept: list[float] = field(default_factory=list)
    frozen: bool = False  # a stopped process: time passes, its ticks don't run
    _due: list[_Due] = field(default_factory=list)
    _sleeping: bool = False

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass, running every tick at its moment."""
        end = self.time + seconds
        while not self.frozen and (due := min(self._due, key=lambda d: d.at, default=None)) and due.at <= end:
            self.time = max(self.time, due.at)
            due.at += due.every
            due.action()
        self.time = max(self.time, end)

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        """Run `action` once, that many seconds from now."""
        due = _Due(at=self.time + seconds, every=float("inf"), action=action)
        self._due.append(due)

    def every(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Run `action` again and again until the function given back is called."""
        due = _Due(at=self.time + seconds, every=seconds, action=action)
        self._due.append(due)
        return lambda: self._due.remove(due) if due in self._due else None
