"""Whether this release can answer, and why not."""

import threading
from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a release stands. *failed* is final: a rollout needn't wait for its timeout."""

    STARTING = "starting"
    READY = "ready"
    FAILED = "failed"
    DRAINING = "draining"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """A phase and the reason for it, in words."""

    phase: Phase
    reason: str

    @property
    def ready(self) -> bool:
        """True while requests are answered and wanted."""
        return self.phase is Phase.READY

    def as_json(self) -> dict[str, object]:
        """What the readiness endpoint answers."""
        return {
            "ready": self.ready,
            "state": self.phase.value,
            "reason": self.reason,
            "terminal": self.phase is Phase.FAILED,
        }


class Readiness:
    """The current standing; set by the loader's thread and the signal handler, read by the event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing = Standing(phase=Phase.STARTING, reason="loading the model")

    @property
    def now(self) -> Standing:
        """The current standing."""
        return self._standing

    def starting(self, reason: str) -> None:
        """Say what start-up is at."""
        self._move(Phase.STARTING, reason)

    def ready(self) -> None:
        """The model is loaded and warm."""
        self._move(Phase.READY, "")

    def fail(self, reason: str) -> None:
        """The model can't be served, ever."""
        self._move(Phase.FAILED, reason)

    def drain(self) -> None:
        """Stop wanting requests; nothing leads back."""
        self._move(Phase.DRAINING, "asked to stop")

    def _move(self, phase: Phase, reason: str) -> None:
        with self._lock:
            if self._standing.phase in (Phase.STARTING, Phase.READY):
                self._standing = Standing(phase=phase, reason=reason)
