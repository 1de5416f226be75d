"""How long answers take and what models predict: distributions over the cells, of time in milliseconds."""

import math
from collections.abc import Callable
from functools import cache
from typing import Final

import numpy as np
from scipy import optimize, special, stats

from benchmarks.judge_cells import EDGES, Array, Labels, Latencies, Scores

Above = Callable[[Array], Array]
"""The share of answers that take longer than so many milliseconds."""
_P99: Final = 400.0
_NORMAL_CUTS: Final = tuple(float(cut) for cut in stats.norm.ppf(np.arange(1, 40) / 40))
_BETA_CUTS: Final = tuple(float(cut) for cut in stats.beta.ppf(np.arange(1, 40) / 40, 2, 8))
_ODD_CUTS: Final = (0.002, 0.005, 0.01, 0.02, 0.04, 0.08, 0.2, 0.35, 0.5, 0.65, 0.8, 0.92, 0.96, 0.98, 0.99, 0.995)

LATENCIES: Final = Latencies()
NORMAL: Final = Scores(cuts=_NORMAL_CUTS)
BETA: Final = Scores(cuts=_BETA_CUTS)
SEPARATED: Final = Scores(cuts=_ODD_CUTS)
CLASSES: Final = Labels(classes=("cat", "dog", "bird", "fish", "horse", "none"))


def cells(above: Above, factor: Array | float = 1.0) -> Array:
    """Shares of the latency cells, everything `factor` times slower; one row per factor where there are many."""
    edges = np.array(EDGES) / np.asarray(factor)[..., None]
    over = above(edges)
    ones, zeros = np.ones((*over.shape[:-1], 1)), np.zeros((*over.shape[:-1], 1))
    shares: Array = -np.diff(np.concatenate([ones, over, zeros], axis=-1))
    return np.maximum(shares, 0.0)


def slower(above: Above, ratio: float, plus: float = 0.0) -> Above:
    """Every answer takes `ratio` times as long and `plus` milliseconds more."""
    return lambda ms: above(np.maximum(ms - plus, 1e-9) / ratio)


def web(ms: Array) -> Array:
    """A model behind HTTP: 97 % lognormal, 3 % a Pareto tail of infinite variance; p50 108, p95 246, p99 400 ms."""
    return _web(ms / _web_unit())


def _web(ms: Array) -> Array:
    most = special.ndtr(-np.log(np.maximum(ms, 1e-9) / 80.0) / 0.45)
    rest = np.minimum(1.0, (150.0 / np.maximum(ms, 150.0)) ** 1.8)
    found: Array = 0.97 * most + 0.03 * rest
    return found


@cache
def _web_unit() -> float:
    return _P99 / _quantile(_web, 0.01)


def _quantile(above: Above, share: float) -> float:
    return float(optimize.brentq(lambda ms: float(above(np.array(ms))) - share, 0.01, 60_000.0))


def stretched(growth: float) -> Above:
    """The web's answers above p95 stretched so that p99 grows by the factor; all others are as quick as before."""
    p95 = _quantile(web, 0.05)
    power = math.log(growth * _P99 / p95) / math.log(_P99 / p95)
    return lambda ms: web(np.where(ms > p95, p95 * (np.maximum(ms, p95) / p95) ** (1 / power), ms))


def gamma(timeouts: float = 0.01) -> Above:
    """Answers of Gamma(2, 50 ms), of which a share waits for a dependency and takes 1 to 3 s."""
    return lambda ms: (1 - timeouts) * stats.gamma.sf(ms, 2, scale=50.0) + timeouts * np.clip((3000 - ms) / 2000, 0, 1)


def cached(hits: float = 0.6, misses: float = 60.0) -> Above:
    """A cache before the model: hits are Weibull(2, 3 ms), misses Weibull(0.8, `misses` ms), a heavy tail."""
    return lambda ms: (
        hits * stats.weibull_min.sf(ms, 2, scale=3.0) + (1 - hits) * stats.weibull_min.sf(ms, 0.8, scale=misses)
    )


def normal_scores(shift: float = 0.0) -> Array:
    """Standard normal scores, shifted by so many standard deviations; 40 cells of equal share."""
    return _between(stats.norm.cdf(np.array(_NORMAL_CUTS) - shift))


def beta_scores(first: float = 2.0) -> Array:
    """Scores of Beta(first, 8), as of a rare positive class; cells of equal share at Beta(2, 8)."""
    return _between(stats.beta.cdf(np.array(_BETA_CUTS), first, 8))


def separated_scores(positives: float = 0.3) -> Array:
    """Two modes near 0 and 1, as a well-trained classifier has; a share of the cases is positive."""
    cuts = np.array(_ODD_CUTS)
    return _between((1 - positives) * stats.beta.cdf(cuts, 0.5, 12) + positives * stats.beta.cdf(cuts, 14, 0.6))


def _between(below: Array) -> Array:
    shares: Array = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return shares
