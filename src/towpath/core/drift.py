"""How far two samples of a feature lie apart, and how far chance alone would put them.

PSI, the population stability index, is the sum over bins of (p - q) ln(p / q): nothing where the shares of all bins are
alike, about 0.2 where a normal feature moved by half a standard deviation, about 1 where it moved by a whole one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import NormalDist
from typing import Final, Literal

_PRIOR: Final = 0.5  # added to every bin, so that an empty one isn't infinitely far off


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftPolicy:
    """What a change of the requests means to a canary.

    Attributes:
        psi: up to so much a feature hasn't changed.
        action: hold the canary while it has, or only tell.
    """

    psi: float = 0.2
    action: Literal["hold", "tell"] = "hold"


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """How a feature's rows lie in its bins.

    Attributes:
        counts: per bin.
        weight: independent draws per row, at most 1: the rows of one request are like each other, so that a request
            of a hundred rows says no more than one of one row.
    """

    counts: tuple[int, ...]
    weight: float = 1.0

    @property
    def draws(self) -> float:
        """How many independent draws it is worth."""
        return sum(self.counts) * self.weight

    @property
    def shares(self) -> tuple[float, ...]:
        """Of every bin, none of them 0."""
        every = self.draws + _PRIOR * len(self.counts)
        return tuple((count * self.weight + _PRIOR) / every for count in self.counts)


def psi(one: Rows, other: Rows) -> float:
    """Population stability index of two samples in the same bins; 0 or more, and never infinite."""
    return sum((p - q) * math.log(p / q) for p, q in zip(one.shares, other.shares, strict=True))


def psi_bias(one: Rows, other: Rows) -> float:
    """What PSI is on average where nothing differs: (bins - 1) (1/n + 1/m).

    Yurdakul and Naranjo, Statistical properties of the population stability index, Journal of Risk Model Validation
    14(4), 2020: PSI of alike samples is (1/n + 1/m) times a chi-squared variable with a degree per bin but one.
    """
    return (len(one.counts) - 1) * _noise(one, other)


def psi_by_chance(margin: float, one: Rows, other: Rows, chance: float) -> float:
    """What PSI exceeds with at most this chance while the true one is no more than the margin.

    Under a true PSI of d the variable above is non-central by d / (1/n + 1/m), since PSI and Pearson's distance agree
    to the second order. Its quantile is Patnaik's: a chi-squared of the same two moments (Biometrika 36, 1949), and
    that one's is Wilson and Hilferty's (PNAS 17, 1931).
    """
    noise = _noise(one, other)
    degrees, apart = len(one.counts) - 1, margin / noise
    scale = (degrees + 2 * apart) / (degrees + apart)
    same_as = (degrees + apart) ** 2 / (degrees + 2 * apart)
    spread = 2 / (9 * same_as)
    quantile = (1 - spread + NormalDist().inv_cdf(1 - chance) * math.sqrt(spread)) ** 3
    return noise * scale * same_as * quantile


def _noise(one: Rows, other: Rows) -> float:
    """Infinite where a sample is empty."""
    draws = one.draws, other.draws
    return sum(1 / n for n in draws) if all(draws) else math.inf


def pearson(one: Sequence[int], other: Sequence[int]) -> tuple[float, int]:
    """Pearson's chi-squared of two samples and its degrees of freedom, which is what it is on average by chance.

    Where draws come in clumps of like ones it is as many times larger as a clump has draws: their over-dispersion, by
    which counts are divided (Rao and Scott, Journal of the American Statistical Association 76, 1981).
    """
    n, m = sum(one), sum(other)
    filled = [(a, b) for a, b in zip(one, other, strict=True) if a + b]
    if not (n and m):
        return 0.0, 0
    return sum((a * m - b * n) ** 2 / (a + b) for a, b in filled) / (n * m), len(filled) - 1


def ks(cuts: Sequence[float], one: Rows, other_cuts: Sequence[float], other: Rows) -> float:
    """The least that the greatest distance of two cumulative shares can be, whose cuts may differ.

    At a cut of its own each sample knows its share; the other's lies between its shares at the cuts on either side.
    Of common cuts this is the distance of Kolmogorov and Smirnov at the cuts.
    """
    mine, yours = _curve(cuts, one), _curve(other_cuts, other)
    return max(0.0, _above(mine, yours), _above(yours, mine))


_Curve = list[tuple[float, float]]  # cut and share up to it


def _curve(cuts: Sequence[float], rows: Rows) -> _Curve:
    every = sum(rows.counts)
    upto = (total / every if every else 0.0 for total in accumulate(rows.counts))
    return [(-math.inf, 0.0), *zip((*cuts, math.inf), upto, strict=True)]


def _above(high: _Curve, low: _Curve) -> float:
    """How far the one surely rises above the other: its share at a cut over the most the other's can be there."""
    return max(share - min(most for edge, most in low if edge >= cut) for cut, share in high)


def ks_by_chance(margin: float, one: Rows, other: Rows, chance: float) -> float:
    """What `ks` exceeds with at most this chance while the true PSI is no more than the margin.

    A PSI of d is the sum of both Kullback-Leibler divergences, and so, by Pinsker's inequality, at least four times
    the square of any distance of cumulative shares: that distance is at most sqrt(d) / 2. Chance adds at most
    sqrt(ln(2 / chance) / 2 (1/n + 1/m)): Smirnov's limit in the form of Massart's bound (Annals of Probability 18,
    1990).
    """
    return math.sqrt(margin) / 2 + math.sqrt(math.log(2 / chance) / 2 * _noise(one, other))
