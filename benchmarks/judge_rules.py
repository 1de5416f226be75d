"""Rules that others use, minute by minute on the same requests: the seconds until each rolls back, or infinity.

Flagger's and Argo Rollouts' look at the candidate alone, the others compare it with stable. The rules are followed as
their code has them, with the settings their documentation shows.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import special, stats

from benchmarks.judge_cells import CLIENT_EDGES, EDGES, Array, Counts, Metric
from benchmarks.judge_evalue import Mask
from benchmarks.judge_shapes import NORMAL

MINUTE: Final = 60.0
POLLS_A_MINUTE: Final = 6
_SUCCESS: Final = 0.99
_SLOWEST: Final = 500.0  # milliseconds
_QUANTILE: Final = float(stats.norm.ppf(0.99))  # for 98 % between both ends
_TOLERANCE: Final = 0.25
_FIRST_LOOK: Final = 10  # minutes
_BINS: Final = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Minutes:
    """Counts of cells by run, minute and cell.

    Attributes:
        canary: the candidate's, by metric.
        stable: stable's.
        control: a part of stable's as large as the candidate's, as a fresh baseline beside it would have had.
    """

    canary: dict[Metric, Counts]
    stable: dict[Metric, Counts]
    control: dict[Metric, Counts]


Rule = Callable[[Minutes], Array]


def minutes(cells: dict[Metric, tuple[Counts, Counts]], share: Array, rng: np.random.Generator) -> Minutes:
    """Polls added up; `share` is the candidate's, by poll."""
    part = np.minimum(1.0, share / (1 - share))[:, None]
    control = {metric: rng.binomial(stable, part) for metric, (_, stable) in cells.items()}
    return Minutes(
        canary={metric: _by_minute(canary) for metric, (canary, _) in cells.items()},
        stable={metric: _by_minute(stable) for metric, (_, stable) in cells.items()},
        control={metric: _by_minute(counts) for metric, counts in control.items()},
    )


def _by_minute(cells: Counts) -> Counts:
    runs, polls, kinds = cells.shape
    found: Counts = cells.reshape(runs, polls // POLLS_A_MINUTE, POLLS_A_MINUTE, kinds).sum(axis=2)
    return found


def first(looks: Mask) -> Array:
    """Seconds until the first look that says no; looks are by run and minute."""
    return np.where(looks.any(axis=1), (looks.argmax(axis=1) + 1) * MINUTE, math.inf)


def failed_checks(most: int) -> Rule:
    """Success at least 99 % and p99 at most 500 ms in each minute; so many failed minutes end it, in a row or not."""

    def rule(seen: Minutes) -> Array:
        failed = _failing(seen.canary["errors"]) > 1 - _SUCCESS
        failed |= client_quantile(seen.canary["latency"], 0.99) > _SLOWEST
        return first(np.cumsum(failed, axis=1) >= most)

    return rule


def _failing(cells: Counts) -> Array:
    found: Array = cells[..., 1] / np.maximum(cells.sum(axis=-1), 1)
    return found


def client_quantile(cells: Counts, share: float) -> Array:
    """Milliseconds, as `histogram_quantile` says over the Python client's default buckets: straight between edges."""
    edges = np.array(CLIENT_EDGES, float)
    places = np.searchsorted(np.array(EDGES), edges)
    upto = np.cumsum(cells, axis=-1)
    wanted = share * upto[..., -1]
    counts = np.concatenate([upto[..., places], upto[..., -1:]], axis=-1)
    place = (counts >= wanted[..., None]).argmax(axis=-1)
    before = np.where(place > 0, np.take_along_axis(counts, np.maximum(place - 1, 0)[..., None], -1)[..., 0], 0)
    within = np.take_along_axis(counts, place[..., None], -1)[..., 0] - before
    low, high = np.concatenate([[0.0], edges])[place], np.concatenate([edges, edges[-1:]])[place]
    found: Array = low + (high - low) * (wanted - before) / np.maximum(within, 1)
    return found


def mann_whitney(seen: Minutes) -> Array:
    """Kayenta's judge, asked each minute: failing share and p99 may not be higher, the mean score not different."""
    series = (
        (_failing(seen.canary["errors"]), _failing(seen.control["errors"]), False),
        (client_quantile(seen.canary["latency"], 0.99), client_quantile(seen.control["latency"], 0.99), False),
        (_mean_score(seen.canary["predictions"]), _mean_score(seen.control["predictions"]), True),
    )
    found: Array = np.min([_ranked(*one) for one in series], axis=0)
    return found


def _mean_score(cells: Counts) -> Array:
    cuts = np.array(NORMAL.cuts)
    inside = (cuts[1:] + cuts[:-1]) / 2
    middles = np.concatenate([[cuts[0] - 0.3], inside, [cuts[-1] + 0.3]])
    found: Array = cells @ middles / np.maximum(cells.sum(axis=-1), 1)
    return found


def _ranked(canary: Array, control: Array, either_way: bool) -> Array:  # noqa: FBT001 - one row of a table of metrics
    """Seconds to the first minute that is classified *high*, or *low* where either way counts."""
    looks = np.zeros(canary.shape, bool)
    for minute in range(_FIRST_LOOK, canary.shape[1] + 1):
        now = canary[:, :minute], control[:, :minute]
        looks[:, minute - 1] = higher(*now) | (either_way & higher(-now[0], -now[1]))
    return first(looks)


def higher(canary: Array, control: Array) -> Mask:
    """Whether the interval of 98 % for the difference lies beyond a quarter of the difference (Hodges, Lehmann).

    That is so just when Mann and Whitney's z, the candidate being less by that quarter, is beyond its quantile.
    """
    shift = np.median((canary[:, :, None] - control[:, None, :]).reshape(len(canary), -1), axis=1)
    score = _rank_score(canary - _TOLERANCE * shift[:, None], control)
    more: Mask = (shift >= 0) & (canary.mean(axis=1) >= control.mean(axis=1))
    beyond: Mask = more & (score > _QUANTILE)
    return beyond


def _rank_score(canary: Array, control: Array) -> Array:
    """Mann and Whitney's z, corrected for ties and for being discrete; 0 where all are tied."""
    size = canary.shape[1]
    both = np.concatenate([canary, control], axis=1)
    above = stats.rankdata(both, axis=1)[:, :size].sum(axis=1) - size * (size + 1) / 2 - size**2 / 2
    ties = stats.rankdata(both, "max", axis=1) - stats.rankdata(both, "min", axis=1) + 1
    correction = (ties**2 - 1).sum(axis=1) / (2 * size * (2 * size - 1))
    spread = np.sqrt(np.maximum(size**2 / 12 * (2 * size + 1 - correction), 1e-12))
    found: Array = np.where(correction < 2 * size + 1, (above - 0.5 * np.sign(above)) / spread, 0.0)
    return found


def kolmogorov_smirnov(level: float) -> Rule:
    """Latency and scores so far compared each minute, two-sided, at this level each time."""

    def rule(seen: Minutes) -> Array:
        return first((_differ(seen, "latency") < level) | (_differ(seen, "predictions") < level))

    return rule


def _differ(seen: Minutes, metric: Metric) -> Array:
    """p-values by minute of everything so far."""
    arms = [np.cumsum(arm[metric], axis=1) for arm in (seen.canary, seen.stable)]
    sizes = [np.maximum(arm.sum(axis=-1), 1) for arm in arms]
    below = [np.cumsum(arm, axis=-1) / size[..., None] for arm, size in zip(arms, sizes, strict=True)]
    gap = np.abs(below[0] - below[1]).max(axis=-1)
    weight = sizes[0] * sizes[1] / (sizes[0] + sizes[1])
    found: Array = special.kolmogorov(np.sqrt(weight) * gap)
    return found


def two_proportions(level: float) -> Rule:
    """Failures so far compared each minute by a one-sided z-test, at this level each time."""

    def rule(seen: Minutes) -> Array:
        arms = [np.cumsum(arm["errors"], axis=1) for arm in (seen.canary, seen.stable)]
        failed, sizes = [arm[..., 1] for arm in arms], [np.maximum(arm.sum(axis=-1), 1) for arm in arms]
        pooled = (failed[0] + failed[1]) / (sizes[0] + sizes[1])
        width = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * (1 / sizes[0] + 1 / sizes[1]))
        return first((failed[0] / sizes[0] - failed[1] / sizes[1]) / width > stats.norm.ppf(1 - level))

    return rule


def stability_index(most: float) -> Rule:
    """The population stability index of all scores so far in ten bins, looked at each minute."""

    def rule(seen: Minutes) -> Array:
        canary, stable = (_binned(arm["predictions"]) for arm in (seen.canary, seen.stable))
        return first(((canary - stable) * np.log(canary / stable)).sum(axis=-1) > most)

    return rule


def _binned(cells: Counts) -> Array:
    size = cells.shape[-1] // _BINS
    sums = np.cumsum(np.add.reduceat(cells, np.arange(0, cells.shape[-1], size), axis=-1), axis=1) + 1e-4
    found: Array = sums / sums.sum(axis=-1, keepdims=True)
    return found


RULES: Final[dict[str, Rule]] = {
    "Flagger": failed_checks(10),
    "Argo, first failure": failed_checks(1),
    "Argo, limit 3": failed_checks(4),
    "Kayenta": mann_whitney,
    "KS p<.05": kolmogorov_smirnov(0.05),
    "KS p<.01": kolmogorov_smirnov(0.01),
    "z p<.01": two_proportions(0.01),
    "PSI>.1": stability_index(0.1),
}
