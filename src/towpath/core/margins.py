"""How much worse a share of events may be."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, kw_only=True, slots=True)
class Margin:
    """How much worse a candidate may be: `ratio` times stable's rate plus `points` (a share, 0 to 1)."""

    ratio: float
    points: float


NARROW: Final = Margin(ratio=1.10, points=0.0005)  # up to here nothing counts against a candidate, by default
WIDE: Final = Margin(ratio=1.5, points=0.002)  # and this must be excluded before it goes on


def narrower(narrow: Margin, wide: Margin) -> bool:
    """Whether both make sense and the second allows more than the first."""
    return 1 <= narrow.ratio <= wide.ratio and 0 <= narrow.points <= wide.points < 1 and narrow != wide
