"""The judge's e-value for whole arrays of polls, written apart from the judge's own."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from towpath.core.judge.evalue import HalfPlane

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
_MOST_STEPS: Final = 60
_PRECISION: Final = 1e-13  # relative
_EDGE: Final = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Now:
    """One poll of many runs; shapes broadcast against (runs, channels, bets)."""

    canary_events: Array
    canary_requests: Array
    stable_events: Array
    stable_requests: Array

    @property
    def both(self) -> Mask:
        """Where both arms had requests."""
        found: Mask = (self.canary_requests > 0) & (self.stable_requests > 0)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Edges:
    """The edges of several channels' nulls, one per row: `c = r0 * b + d`."""

    r0: Array
    d: Array

    @staticmethod
    def of(nulls: list[HalfPlane]) -> "Edges":
        """As columns, so that they broadcast against (runs, channels, bets)."""
        return Edges(r0=np.array([[one.r0] for one in nulls]), d=np.array([[one.d] for one in nulls]))

    def canary_rate(self, stable_rate: Array) -> Array:
        """The candidate's rate on the edge."""
        return self.r0 * stable_rate + self.d


def lifted(rate: Array, lifts: Array) -> Array:
    """Raise rates by `lifts` in log-odds."""
    odds = rate / (1 - rate) * np.exp(lifts)
    return np.minimum(odds / (1 + odds), 1 - 1e-9)


def project(now: Now, guess: tuple[Array, Array], edge: Edges) -> Array:
    """Stable's rate where the null's edge is nearest to the guess (c*, b*)."""
    c_star, b_star = guess
    highest = np.minimum(1.0, (1 - edge.d) / edge.r0) - _EDGE
    opposite = np.minimum(np.maximum((c_star - edge.d) / edge.r0, _EDGE), highest)
    low, high = np.minimum(b_star, opposite), np.maximum(b_star, opposite)
    weights = np.maximum(now.canary_requests, 1.0) * edge.r0, np.maximum(now.stable_requests, 1.0)
    b = _begin(weights, guess, (edge, opposite))
    for _ in range(_MOST_STEPS):
        height, slope = _balance(weights, guess, edge, b)
        below = height < 0
        low, high = np.where(below, b, low), np.where(below, high, b)
        better = b - height / slope
        better = np.where((better >= low) & (better <= high), better, 0.5 * (low + high))
        moved = (np.abs(better - b) > _PRECISION * better).any()
        b = better
        if not moved:
            break
    return b


def _begin(weights: tuple[Array, Array], guess: tuple[Array, Array], line: tuple[Edges, Array]) -> Array:
    """Between both ends, as near to each as its requests weigh."""
    (c_star, b_star), (edge, opposite) = guess, line
    canary = weights[0] * edge.r0 / (c_star * (1 - c_star))
    stable = weights[1] / (b_star * (1 - b_star))
    part: Array = (canary * opposite + stable * b_star) / (canary + stable)
    return part


def _balance(weights: tuple[Array, Array], guess: tuple[Array, Array], edge: Edges, b: Array) -> tuple[Array, Array]:
    """What is zero at the root, and its slope."""
    (n_c, n_b), (c_star, b_star) = weights, guess
    c = edge.canary_rate(b)
    off_c, off_b = c - c_star, b - b_star
    wide_c, wide_b = c * (1 - c), b * (1 - b)
    height = n_c * off_c * wide_b + n_b * off_b * wide_c
    slope = n_c * (edge.r0 * wide_b + off_c * (1 - 2 * b)) + n_b * (wide_c + off_b * edge.r0 * (1 - 2 * c))
    return height, slope


def log_e(now: Now, guess: tuple[Array, Array], edge: Edges) -> Array:
    """Natural logarithm of each poll's evidence for the guess; it means nothing unless both arms had requests."""
    c_star, b_star = guess
    b0 = project(now, guess, edge)
    c0 = edge.canary_rate(b0)
    found: Array = (
        now.canary_events * np.log(c_star / c0)
        + (now.canary_requests - now.canary_events) * np.log((1 - c_star) / (1 - c0))
        + now.stable_events * np.log(b_star / b0)
        + (now.stable_requests - now.stable_events) * np.log((1 - b_star) / (1 - b0))
    )
    return found
