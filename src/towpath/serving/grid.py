"""Bounds that depend on no model and no data, so that the scores of any two releases are counted at common edges.

They are a promise between releases: a bound that goes, or moves, is one at which old and new can't be compared.
"""

from collections.abc import Iterable

_STEPS = ("1", "1.5", "2", "3", "5", "7")

_EVEN = tuple(place / 20 for place in range(1, 20))
_NEAR_ONE = (0.93, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.997, 0.998, 0.9985, 0.999, 0.9997, 0.9999)
_SMALL = (0.0001, 0.0003)
_FAR_BELOW = (-1e6, -1e5, -1e4, -0.001)


def _decades(first: int, last: int) -> tuple[float, ...]:
    """Six steps of every power of ten; read from text, for each must be the float that its digits mean."""
    return tuple(float(f"{step}e{power}") for power in range(first, last + 1) for step in _STEPS)


_ABOVE = (*_SMALL, *_decades(-3, 5), 1e6)
_BELOW = (*_FAR_BELOW, *(-bound for bound in _decades(-2, 3)))

GRID = tuple(sorted({0.0, *_ABOVE, *_BELOW, *_EVEN, *_NEAR_ONE}))
"""Six bounds for every power of ten, coarser far below zero, and for probabilities as fine near 1 as near 0."""


def with_grid(cuts: Iterable[float]) -> tuple[float, ...]:
    """The grid and these cuts, each bound once."""
    return tuple(sorted({*GRID, *cuts}))
