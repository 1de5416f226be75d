"""The half-plane e-value: exact evidence of one poll against `c <= r0 * b + d`.

`c` and `b` are the rates of the candidate and of stable. The null holds a margin and says nothing about the rates
themselves, so they may be others in every poll. Betting on a guess (c*, b*) beyond the margin against its projection
on the null's edge has expectation at most 1 whatever rates inside the null are true. Plain floats on purpose:
importing numpy takes longer than judging a whole canary.
"""

import math
from dataclasses import dataclass
from typing import Final

_MOST_STEPS: Final = 100
_PRECISION: Final = 1e-12  # of the rate
_EDGE: Final = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """Events among requests in both arms, in one poll of one stratum.

    Attributes:
        canary_events: of the candidate.
        canary_requests: of the candidate, or its cases where a request has several.
        stable_events: of stable.
        stable_requests: as the candidate's.
        rows: cases per request, at least 1; those of one request are like each other, so they are fewer facts.
    """

    canary_events: int = 0
    canary_requests: int = 0
    stable_events: int = 0
    stable_requests: int = 0
    rows: float = 1.0

    @property
    def both(self) -> bool:
        """Whether both arms had requests; without, a poll says nothing."""
        return self.canary_requests > 0 and self.stable_requests > 0

    def plus(self, other: "Counts") -> "Counts":
        """The sums."""
        return Counts(
            canary_events=self.canary_events + other.canary_events,
            canary_requests=self.canary_requests + other.canary_requests,
            stable_events=self.stable_events + other.stable_events,
            stable_requests=self.stable_requests + other.stable_requests,
        )

    def halved(self) -> "Counts":
        """Half of each, rounded down."""
        return Counts(
            canary_events=self.canary_events // 2,
            canary_requests=self.canary_requests // 2,
            stable_events=self.stable_events // 2,
            stable_requests=self.stable_requests // 2,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class HalfPlane:
    """The null's edge: `c = r0 * b + d`."""

    r0: float
    d: float

    def canary_rate(self, stable_rate: float) -> float:
        """The candidate's rate on the edge."""
        return self.r0 * stable_rate + self.d


def lifted(rate: float, lift: float) -> float:
    """Raise a rate by `lift` in log-odds."""
    odds = rate / (1 - rate) * math.exp(lift)
    return min(odds / (1 + odds), 1 - 1e-9)


def project(counts: Counts, guess: tuple[float, float], edge: HalfPlane) -> float:
    """Stable's rate at the point of the edge nearest to the guess (c*, b*), weighted by the requests of both arms.

    Newton's method, begun at the mean of stable's guess and the point opposite to the candidate's, each as precise as
    its requests make it; a step beyond the two halves what is left instead.
    """
    c_star, b_star = guess
    n_c, n_b, r0, d = counts.canary_requests * edge.r0, counts.stable_requests, edge.r0, edge.d
    opposite = min(max((c_star - d) / r0, _EDGE), min(1.0, (1 - d) / r0) - _EDGE)
    low, high = min(b_star, opposite), max(b_star, opposite)
    weight_c, weight_b = n_c * r0 * b_star * (1 - b_star), n_b * c_star * (1 - c_star)
    b = (weight_c * opposite + weight_b * b_star) / (weight_c + weight_b)
    for _ in range(_MOST_STEPS):
        c = r0 * b + d
        in_b, in_c, off_b, off_c = b * (1 - b), c * (1 - c), n_b * (b - b_star), n_c * (c - c_star)
        # cleared of its positive denominators, so that nothing divides by a rate near zero
        height = off_c * in_b + off_b * in_c
        slope = n_c * r0 * in_b + n_b * in_c + off_c * (1 - 2 * b) + off_b * r0 * (1 - 2 * c)
        low, high = (b, high) if height < 0 else (low, b)
        middle = 0.5 * (low + high)
        better = b - height / slope if slope > 0 else middle
        better = better if low <= better <= high else middle
        b, moved = better, abs(better - b)
        if moved <= _PRECISION * b:
            break
    return b


def log_e(counts: Counts, guess: tuple[float, float], edge: HalfPlane) -> float:
    """Natural logarithm of the poll's evidence for the guess against the null; 0 unless both arms had requests."""
    if not counts.both:
        return 0.0
    c_star, b_star = guess
    b0 = project(counts, guess, edge)
    c0 = edge.canary_rate(b0)
    return (
        counts.canary_events * math.log(c_star / c0)
        + (counts.canary_requests - counts.canary_events) * math.log((1 - c_star) / (1 - c0))
        + counts.stable_events * math.log(b_star / b0)
        + (counts.stable_requests - counts.stable_events) * math.log((1 - b_star) / (1 - b0))
    )


def log_e_rare(counts: Counts, r1: float, edge: HalfPlane) -> float:
    """The closed form for rare events, betting on the ratio `r1 > r0`; needs no guess of stable's rate."""
    if not counts.both:
        return 0.0
    null = counts.canary_requests * edge.r0 + counts.stable_requests
    bet = counts.canary_requests * r1 + counts.stable_requests
    a = r1 / edge.r0 * null / bet
    return (
        counts.canary_events * math.log(a)
        + counts.stable_events * math.log(null / bet)
        - counts.canary_requests * edge.d * (a - 1)
    )
