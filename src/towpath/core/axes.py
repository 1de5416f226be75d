"""Where an axis is marked and how that is written: at round values only."""

import math
from collections.abc import Callable, Sequence
from typing import Final

Tick = tuple[float, str]
Ticks = Callable[[float, float], Sequence[Tick]]

_MOST: Final = 5
_ROUND: Final = (1.0, 2.0, 5.0, 10.0)
_DURATIONS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
_MINUTE: Final = 60
_HOUR: Final = 3600
_MILLION: Final = 6  # zeros


def shares(bottom: float, top: float) -> list[Tick]:
    """Of an axis of shares, 0 to 1, in percent with as few digits as tell them apart."""
    step = _round_step((top - bottom) / _MOST)
    digits = max(0, -math.floor(math.log10(step) + 2 + 1e-9))
    return [(n * step, f"{n * step:.{digits}%}") for n in _multiples(bottom, top, step)]


def odds(bottom: float, top: float) -> list[Tick]:
    """Of an axis of natural logs, at powers of ten of what they are the logs of."""
    tenfold = math.log(10)
    every = max(1, math.ceil((top - bottom) / tenfold / _MOST))
    return [(n * tenfold, _power_of_ten(n)) for n in _multiples(bottom, top, tenfold) if n % every == 0]


def moments(until: float) -> list[Tick]:
    """Of an axis of seconds from 0."""
    step = next((step for step in _DURATIONS if until <= step * _MOST), _DURATIONS[-1])
    return [(n * step, _moment(n * step, step)) for n in _multiples(0.0, until, step)]


def _multiples(bottom: float, top: float, step: float) -> range:
    return range(math.ceil(bottom / step - 1e-9), math.floor(top / step + 1e-9) + 1)


def _round_step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in _ROUND if power * step >= least * (1 - 1e-9))


def _power_of_ten(n: int) -> str:
    if n < 0:
        return f"1/{10**-n:,}"
    return f"{10**n:,}" if n < _MILLION else f"{10 ** (n - _MILLION):,} M"


def _moment(seconds: int, step: int) -> str:
    if step < _MINUTE:
        return f"{seconds} s"
    return f"{seconds // _MINUTE} min" if step < _HOUR else f"{seconds // _HOUR} h"
