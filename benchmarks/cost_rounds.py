"""Rounds of several variants in turn, forwards and backwards, and what one costs beyond another."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import stats

LIMIT: Final = 5.0  # percent


def order(names: Sequence[str], block: int) -> list[str]:
    """A block: every variant once forwards and once backwards, so that a steady drift meets all alike.

    The next block begins with another variant.
    """
    turned = [*names[block % len(names) :], *names[: block % len(names)]]
    return [*turned, *reversed(turned)]


def measured(names: Sequence[str], blocks: int, cost: Callable[[str], float]) -> Iterator[dict[str, float]]:
    """The mean cost of each variant in every block, as soon as it is known."""
    for block in range(blocks):
        sums = dict.fromkeys(names, 0.0)
        for name in order(names, block):
            sums[name] += cost(name) / 2
        yield sums


@dataclass(frozen=True, kw_only=True, slots=True)
class Beyond:
    """What a variant costs beyond another, in percent of that; its interval of 95 % is endless for one pair."""

    percent: float
    low: float
    high: float

    @property
    def kept(self) -> bool:
        """Whether it is no more than the limit."""
        return self.percent <= LIMIT

    def __str__(self) -> str:
        """In words."""
        return f"{self.percent:+.1f} % ({self.low:+.1f} to {self.high:+.1f} %)"


def beyond(pairs: Sequence[Mapping[str, float]], name: str, other: str) -> Beyond:
    """Paired, by Student's interval for the mean logarithm of the ratio."""
    logs = np.log([pair[name] / pair[other] for pair in pairs])
    middle = float(np.mean(logs))
    reach = math.inf
    if len(logs) > 1:
        error = float(np.std(logs, ddof=1)) / math.sqrt(len(logs))
        reach = float(stats.t.ppf(0.975, len(logs) - 1)) * error
    low, percent, high = (100 * math.expm1(value) for value in (middle - reach, middle, middle + reach))
    return Beyond(percent=percent, low=low, high=high)


def mean(blocks: Sequence[Mapping[str, float]], name: str) -> float:
    """A variant's mean cost."""
    return float(np.mean([block[name] for block in blocks]))
