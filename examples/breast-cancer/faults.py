"""Faults of a release, switched on by its own faults.toml."""

import math
import random
import threading
import time
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path


class InjectedError(Exception):
    """The failure that faults.toml asks for."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The keys of faults.toml; as they stand here, nothing is wrong."""

    errors: float = 0.0
    latency_ms: float = 0.0
    latency_jitter: float = 0.0
    score_shift: float = 0.0
    after_requests: int = 0
    after_seconds: float = 0.0
    seed: int | None = None


def read_settings(path: Path) -> Settings:
    """Read faults.toml; a file that isn't there switches nothing on.

    Raises:
        ValueError: it has a key that means nothing.
    """
    written = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    known = {field.name for field in fields(Settings)}
    unknown = sorted(set(written) - known)
    if unknown:
        message = f"{path.name}: unknown {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        raise ValueError(message)
    return Settings(**written)


class Faults:
    """Counts requests and decides which of them suffer. Safe to use from several threads."""

    def __init__(
        self,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._random = random.Random(settings.seed)  # noqa: S311 - chance, not a secret
        self._began = clock()
        self._requests = 0
        self._lock = threading.Lock()

    def strike(self) -> float:
        """Suffer one request's faults and say by how much its scores move, in standard deviations of the log-odds.

        Raises:
            InjectedError: this request is one that fails.
        """
        with self._lock:
            self._requests += 1
            begun = self._begun()
            fails = begun and self._random.random() < self._settings.errors
            wait = self._latency() if begun else 0.0
        if wait > 0:
            self._sleep(wait)
        if fails:
            message = "faults.toml asks for errors"
            raise InjectedError(message)
        return self._settings.score_shift if begun else 0.0

    def _begun(self) -> bool:
        late_enough = self._clock() - self._began >= self._settings.after_seconds
        return late_enough and self._requests > self._settings.after_requests

    def _latency(self) -> float:
        jitter = math.exp(self._random.gauss(0.0, self._settings.latency_jitter))
        return self._settings.latency_ms / 1000 * jitter
