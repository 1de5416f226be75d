"""How much worse a share of events may be."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Margin:
    """How much worse a candidate may be: `ratio` times stable's rate plus `points` (a share, 0 to 1)."""

    ratio: float
    points: float


def narrower(narrow: Margin, wide: Margin) -> bool:
    """Whether both make sense and the second allows more than the first."""
    return 1 <= narrow.ratio <= wide.ratio and 0 <= narrow.points <= wide.points < 1 and narrow != wide
