"""An interval for a rate that stays true however often one looks."""

import math
from collections.abc import Callable
from typing import Final

_PRIOR: Final = 0.5
_STEPS: Final = 60


def interval(events: int, requests: int, miss: float = 0.05) -> tuple[float, float]:
    """Rates that a bet against them by a Beta(½, ½) mixture has not refuted; misses a fixed rate with chance `miss`."""
    if not requests:
        return 0.0, 1.0
    others = requests - events
    mixed = _log_beta(events + _PRIOR, others + _PRIOR) - _log_beta(_PRIOR, _PRIOR)

    def refuted(rate: float) -> bool:
        likelihood = _times_log(events, rate) + _times_log(others, 1 - rate)
        return mixed - likelihood >= -math.log(miss)

    seen = events / requests
    return _edge(refuted, 0.0, seen), _edge(refuted, 1.0, seen)


def _edge(refuted: Callable[[float], bool], outside: float, inside: float) -> float:
    if not refuted(outside):
        return outside
    for _ in range(_STEPS):
        middle = 0.5 * (outside + inside)
        outside, inside = (middle, inside) if refuted(middle) else (outside, middle)
    return outside


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _times_log(count: int, rate: float) -> float:
    if not count:
        return 0.0
    return count * math.log(rate) if rate > 0 else -math.inf
