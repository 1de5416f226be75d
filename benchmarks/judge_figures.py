"""Figures of many simulated canaries, with intervals of 95 %, held against limits."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

from benchmarks.judge_cells import Array
from benchmarks.judge_traffic import POLL
from benchmarks.judge_twin import Polls

Kind = Literal["refused", "missed", "promoted", "detected", "promoted after"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Hours:
    """What became of canaries: the poll, counted from 1, of refusal and of *promote*; 0: never."""

    refused: Polls
    promoted: Polls
    onset: float = 0.0

    def detected(self) -> Array:
        """Seconds from the regression's begin to the refusal; a refusal before it found something else: infinite."""
        after = self.refused * POLL - self.onset
        return np.where(after > 0, after, math.inf)

    def promoted_after(self) -> Array:
        """Seconds to *promote* where no refusal came first; else infinite."""
        first = (self.promoted > 0) & ((self.refused == 0) | (self.promoted < self.refused))
        return np.where(first, self.promoted * POLL, math.inf)


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """A figure and what it may be at most.

    Attributes:
        kind: of the figure.
        at_most: percent, or seconds; None: the figure is only told.
        quantile: of a time.
        end: which must keep the limit: what was measured, or its upper or lower bound.
    """

    kind: Kind
    at_most: float | None
    quantile: float = 0.5
    end: Literal["measured", "upper", "lower"] = "measured"


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A figure, in words, and whether its limit is kept."""

    measured: str
    limit: str
    kept: bool


def hold(limit: Limit, hours: Hours) -> Held:
    """The figure held against its limit."""
    match limit.kind:
        case "refused":
            return _rate(limit, "rolled back", hours.refused > 0)
        case "missed":
            return _rate(limit, "missed", np.isinf(hours.detected()))
        case "promoted":
            return _rate(limit, "promoted", hours.promoted > 0)
        case "detected":
            return _time(limit, hours.detected())
        case "promoted after":
            return _time(limit, hours.promoted_after())


def _rate(limit: Limit, said: str, hits: npt.NDArray[np.bool_]) -> Held:
    count, runs = int(hits.sum()), len(hits)
    ends = {"measured": count / runs, "upper": upper(count, runs), "lower": 1 - upper(runs - count, runs)}
    low = f"{100 * ends['lower']:.2f} to " if limit.end == "lower" else "at most "
    return _held(
        limit,
        f"{said} {100 * ends['measured']:.2f} % ({low}{100 * ends['upper']:.2f} %)",
        100 * ends[limit.end],
        {"measured": "%", "upper": "%, by its bound", "lower": "%, within chance"}[limit.end],
    )


def _time(limit: Limit, seconds: Array) -> Held:
    value, (low, high) = quantile(seconds, limit.quantile), between(seconds, limit.quantile)
    name = "median" if limit.quantile == _MEDIAN else f"{100 * limit.quantile:g} % by"
    return _held(limit, f"{name} {spoken(value)} ({spoken(low)} to {spoken(high)})", value, "s")


def _held(limit: Limit, measured: str, value: float, unit: str) -> Held:
    if limit.at_most is None:
        return Held(measured=measured, limit="", kept=True)
    return Held(measured=measured, limit=f"{limit.at_most:g} {unit}", kept=value <= limit.at_most)


_MEDIAN = 0.5


def upper(hits: int, runs: int) -> float:
    """Clopper and Pearson's upper bound for a rate: a higher one would have shown more hits in 95 of 100 trials."""
    return 1.0 if hits == runs else float(stats.beta.ppf(0.95, hits + 1, runs - hits))


def interval(hits: int, runs: int) -> tuple[float, float]:
    """Clopper and Pearson's interval of 95 % for a rate."""
    low = float(stats.beta.ppf(0.025, hits, runs - hits + 1)) if hits else 0.0
    high = float(stats.beta.ppf(0.975, hits + 1, runs - hits)) if hits < runs else 1.0
    return low, high


def percent(hits: npt.NDArray[np.bool_]) -> str:
    """A rate with its interval, for narrow cells."""
    low, high = interval(int(hits.sum()), len(hits))
    return f"{100 * float(hits.mean()):.0f} ({100 * low:.0f} to {100 * high:.0f}) %"


def median(seconds: Array) -> str:
    """The median of times with its interval, for narrow cells."""
    low, high = (("never" if math.isinf(end) else f"{end:.0f}") for end in between(seconds, _MEDIAN))
    return f"{quantile(seconds, _MEDIAN):.0f} ({low} to {high}) s"


def quantile(seconds: Array, share: float) -> float:
    """The time by which at least this share is done; infinite where it never is."""
    ranked = np.sort(seconds)
    return float(ranked[max(0, math.ceil(share * len(ranked)) - 1)])


def between(seconds: Array, share: float) -> tuple[float, float]:
    """Order statistics that have the quantile between them with a chance of 95 %, whatever the distribution."""
    ranked, runs = np.sort(seconds), len(seconds)
    low, high = (int(stats.binom.ppf(part, runs, share)) for part in (0.025, 0.975))
    return float(ranked[max(0, low - 1)]), float(ranked[min(runs - 1, high)])


def spoken(seconds: float) -> str:
    """In words."""
    return "never" if math.isinf(seconds) else f"{seconds:.0f} s"
