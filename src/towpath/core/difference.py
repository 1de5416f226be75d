"""How far apart two arms are, with an interval: of shares, also step by step, and of means.

The intervals are for one look. Who looks again and again, and decides by it, needs the judge's.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance
from typing import Final

MISS: Final = 0.05  # how often an interval misses the truth


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """So many of so many."""

    events: int = 0
    cases: int = 0

    @property
    def value(self) -> float:
        """0 to 1; 0 without a case."""
        return self.events / self.cases if self.cases else 0.0

    def interval(self, miss: float = MISS) -> tuple[float, float]:
        """Wilson's score interval of the true share.

        Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference, JASA 22 (1927).
        """
        if not self.cases:
            return 0.0, 1.0
        z, n, seen = _normal(miss), self.cases, self.value
        middle = (seen + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(seen * (1 - seen) / n + z * z / (4 * n * n))
        # at the ends the interval ends where the scale does; rounding may say otherwise in the last digit
        low = 0.0 if not self.events else middle - half
        return low, 1.0 if self.events == n else middle + half

    def __add__(self, other: "Share") -> "Share":
        return Share(events=self.events + other.events, cases=self.cases + other.cases)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moments:
    """What is kept of numbers; the variance is the sample's."""

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """The candidate's value minus stable's, and from where to where the true one may be."""

    value: float
    low: float
    high: float

    @property
    def sure(self) -> bool:
        """Whether nought is outside of the interval."""
        return self.low > 0 or self.high < 0

    @property
    def least(self) -> float:
        """How far the arms are apart at least; 0 where they may be alike."""
        return max(self.low, -self.high, 0.0)


def of_shares(stable: Share, canary: Share, miss: float = MISS) -> Difference:
    """Newcombe's hybrid score interval; both arms need a case.

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions: comparison of
    eleven methods, Statistics in Medicine 17 (1998), method 10.
    """
    (stable_low, stable_high), (canary_low, canary_high) = stable.interval(miss), canary.interval(miss)
    seen = canary.value - stable.value
    return Difference(
        value=seen,
        low=seen - math.hypot(canary.value - canary_low, stable_high - stable.value),
        high=seen + math.hypot(canary_high - canary.value, stable.value - stable_low),
    )


def within_steps(steps: Iterable[tuple[Share, Share]], miss: float = MISS) -> Difference | None:
    """The difference of shares, (stable, candidate) compared within each step; None where no step has both arms.

    Of a canary whose traffic grows, the candidate gets most of its requests late and stable early. Sums over all steps
    would take a bad hour for a bad release. So each step is compared by itself and the differences are averaged with
    Mantel and Haenszel's weights.

    Sources: N. Mantel and W. Haenszel, JNCI 22 (1959), for the weights; G. Y. Zou and A. Donner, Construction of
    confidence limits about effect measures: a general approach, Statistics in Medicine 27 (2008), for joining the
    steps' intervals. With one step it is `of_shares`.
    """
    both = [(stable, canary) for stable, canary in steps if stable.cases and canary.cases]
    if not both:
        return None
    raw = [stable.cases * canary.cases / (stable.cases + canary.cases) for stable, canary in both]
    weights = [weight / sum(raw) for weight in raw]
    parts = [of_shares(stable, canary, miss) for stable, canary in both]
    seen = sum(weight * part.value for weight, part in zip(weights, parts, strict=True))
    return Difference(
        value=seen,
        low=seen - math.hypot(*(w * (part.value - part.low) for w, part in zip(weights, parts, strict=True))),
        high=seen + math.hypot(*(w * (part.high - part.value) for w, part in zip(weights, parts, strict=True))),
    )


def moments(values: Sequence[float]) -> Moments:
    """Of at least two numbers."""
    return Moments(count=len(values), mean=fmean(values), variance=variance(values))


def of_means(stable: Moments, canary: Moments, miss: float = MISS) -> Difference:
    """Welch's interval; each arm needs two numbers, and dozens of them where they are skewed.

    Source: B. L. Welch, The generalization of "Student's" problem when several different population variances are
    involved, Biometrika 34 (1947).
    """
    parts = stable.variance / stable.count, canary.variance / canary.count
    seen, spread = canary.mean - stable.mean, sum(parts)
    if not spread:
        return Difference(value=seen, low=seen, high=seen)
    freedom = spread**2 / (parts[0] ** 2 / (stable.count - 1) + parts[1] ** 2 / (canary.count - 1))
    half = _student(miss, freedom) * math.sqrt(spread)
    return Difference(value=seen, low=seen - half, high=seen + half)


def _normal(miss: float) -> float:
    return NormalDist().inv_cdf(1 - miss / 2)


def _student(miss: float, freedom: float) -> float:
    """Student's quantile by its series in 1/freedom, which serves from about thirty degrees of freedom on.

    Source: M. Abramowitz and I. A. Stegun, Handbook of Mathematical Functions (1964), 26.7.5.
    """
    z = _normal(miss)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, start=1))
