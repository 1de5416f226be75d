"""Which edges to compare both arms at: chosen once, from what stable did before.

An edge is a bound that both arms count at, so that shares above it are compared and no quantile is ever interpolated
from buckets.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from towpath.core.judge.channels import Channel, SlowerThan, Tallied, lifts
from towpath.core.judge.evalue import HalfPlane
from towpath.core.tallies import Counted, Tallies

SLOW_SHARES: Final = (0.5, 0.1, 0.05, 0.01)  # of stable's answers that are slower than a latency channel's edge
SCORE_SHARES: Final = (0.9, 0.75, 0.5, 0.25, 0.1)  # of stable's scores that are above a prediction channel's cut
FEWEST_EVENTS: Final = 50  # of stable above a latency edge; fewer say too little of how steep the curve is there
FEWEST_CASES: Final = 50  # of stable before its scores say where to cut
MOST_CLASSES: Final = 8
_ROOM: Final = 0.9  # a margin that allows more than this share above an edge excludes hardly anything there
_ALL: Final = 0.999  # and of a margin that allows more than this, nothing is ever seen to be beyond
_ROOMY_SHARES: Final = (0.5, 0.1)
_LATENCY_LIFTS: Final = lifts(1.15, 1.3, 1.6, 2.2, 4)
_PREDICTION_LIFTS: Final = lifts(1.08, 1.2, 1.5, 2.5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """How many of `cases` were above each edge; edges ascend."""

    edges: tuple[float, ...]
    above: tuple[int, ...]
    cases: int

    def share_above(self, value: float) -> float:
        """Interpolated between edges, straight in logarithms; below the first edge nothing is known, so all are."""
        if not self.edges or value < self.edges[0] or not self.cases:
            return 1.0
        spans = pairwise(zip(self.edges, self.above, strict=True))
        for (low, above_low), (high, above_high) in spans:
            if low <= value < high:
                part = math.log(value / low) / math.log(high / low)
                return math.exp((1 - part) * self._log(above_low) + part * self._log(above_high))
        return max(self.above[-1] / self.cases, _LEAST)

    def _log(self, above: int) -> float:
        return math.log(max(above / self.cases, _LEAST))


_LEAST: Final = 1e-9


@dataclass(frozen=True, kw_only=True, slots=True)
class Stakes:
    """What is staked on slower answers: only how the numbers compare matters.

    Attributes:
        by_size: on each size of a regression, the smallest first.
        slowest: so many times as much at the slowest edge.
    """

    by_size: tuple[float, ...]
    slowest: float


# What is far slower is found in a few looks whatever is staked on it. A little more of what is rare takes most of an
# hour, so there an early start is worth much; the smallest size would take longer still than most canaries last.
STAKES: Final = Stakes(by_size=(1.0, 4.0, 2.0, 1.0, 0.5), slowest=2.0)
ALIKE: Final = Stakes(by_size=(1.0,) * len(_LATENCY_LIFTS), slowest=1.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Slower:
    """How much slower still counts as no slower: `ratio` times the latency plus `plus` milliseconds."""

    ratio: float
    plus: float

    def spoken(self) -> str:
        """In words."""
        return f"{self.ratio - 1:.0%} + {self.plus:g} ms slower"


def latency_channels(
    curves: Sequence[Curve], rollback: Slower, promote: Slower, stakes: Stakes = STAKES
) -> tuple[Channel, ...]:
    """Channels at the edges that the first curve with enough events has.

    What counts against the candidate is beyond the margins of all curves. What must be excluded is beyond the first
    curve's margin and beyond that of every other which has events enough to know it.

    Args:
        curves: stable's latency in milliseconds, one curve per kind of traffic, users' first.
        rollback: up to so much slower is no worse.
        promote: so much slower must be excluded.
        stakes: on the channels' bets.
    """
    usable = [curve for curve in curves if _slow_edges(curve)]
    edges = _with_room(usable, (rollback, promote)) if usable else ()
    return tuple(
        Channel(
            name=f"latency above {edge:g} ms",
            metric="latency",
            event=SlowerThan(edge=edge),
            rollback=_null(usable, edge, rollback),
            promote=_excluded(usable, edge, promote),
            margin=(rollback.spoken(), promote.spoken()),
            lifts=_LATENCY_LIFTS,
            stakes=tuple(stake * (stakes.slowest if edge == edges[-1] else 1.0) for stake in stakes.by_size),
            depends_on_load=True,
        )
        for edge in edges
    )


def _slow_edges(curve: Curve, spoilt: Sequence[float] = ()) -> tuple[float, ...]:
    known = [
        (edge, above / curve.cases)
        for edge, above in zip(curve.edges, curve.above, strict=True)
        if FEWEST_EVENTS <= above < curve.cases and edge not in spoilt
    ]
    return _nearest(known, SLOW_SHARES, math.log) if known else ()


def _with_room(curves: Sequence[Curve], margins: tuple[Slower, Slower]) -> tuple[float, ...]:
    """Slow edges of the first curve and, for a margin that would allow anything there, edges where it doesn't.

    A margin of 20 ms says nothing at an edge of 5 ms: a candidate that is within it may always be above. None where a
    margin leaves no room at any edge, for then nothing could be excluded.
    """
    curve = curves[0]
    spoilt = [edge for edge in curve.edges if _is_spoilt(curves, edge, margins)]
    edges = _slow_edges(curve, spoilt)
    for margin in margins:
        if not any(_allowed(curve, edge, margin) <= _ROOM for edge in edges):
            known = [(edge, _allowed(curve, edge, margin)) for edge in curve.edges if edge not in spoilt]
            roomy = [(edge, share) for edge, share in known if FEWEST_EVENTS / curve.cases <= share <= _ROOM]
            if not roomy:
                return ()
            edges = (*edges, *_nearest(roomy, _ROOMY_SHARES, math.log))
    return tuple(sorted(set(edges)))


def _allowed(curve: Curve, edge: float, margin: Slower) -> float:
    """The share above the edge of a candidate exactly as much slower as the margin says.

    It is stable's own share above `(edge - plus) / ratio`.
    """
    return curve.share_above((edge - margin.plus) / margin.ratio)


def _is_spoilt(curves: Sequence[Curve], edge: float, margins: tuple[Slower, Slower]) -> bool:
    """Whether another curve is so much steeper at the edge that its margin would allow the first one anything."""
    own = curves[0].share_above(edge)
    together, alone = (
        (_null(some, edge, margins[0]).canary_rate(own), _excluded(some, edge, margins[1]).canary_rate(own))
        for some in (curves, curves[:1])
    )
    return any(all_of_them >= 1 > first for all_of_them, first in zip(together, alone, strict=True))


def _excluded(curves: Sequence[Curve], edge: float, margin: Slower) -> HalfPlane:
    """What must be shown not to be so; where a candidate within the margin may always be above, there is nothing."""
    first, *others = curves
    if _allowed(first, edge, margin) >= _ALL:
        return HalfPlane(r0=1.0, d=1.0)
    return _null([first, *(curve for curve in others if not _is_thin(curve, edge))], edge, margin)


def _null(curves: Sequence[Curve], edge: float, margin: Slower) -> HalfPlane:
    """A candidate exactly as much slower as the margin says is within the null, whichever the curve.

    As a ratio of shares, which still fits when both arms become slower; where stable is hardly ever above the edge, as
    a difference of shares, for such a ratio would be anybody's guess.
    """
    above = [(_allowed(curve, edge, margin), curve.share_above(edge), _is_thin(curve, edge)) for curve in curves]
    r0 = max((1.0, *(allowed / own for allowed, own, thin in above if not thin)))
    return HalfPlane(r0=r0, d=max((0.0, *(allowed - r0 * own for allowed, own, thin in above if thin))))


def _is_thin(curve: Curve, edge: float) -> bool:
    return curve.share_above(edge) * curve.cases < FEWEST_EVENTS


def _nearest(
    known: Sequence[tuple[float, float]], shares: Sequence[float], scale: Callable[[float], float]
) -> tuple[float, ...]:
    found = (min(known, key=lambda one: abs(scale(one[1]) - scale(share)))[0] for share in shares)
    return tuple(dict.fromkeys(found))


def score_cuts(curve: Curve) -> tuple[float, ...]:
    """Where stable's scores are best cut; none while there are too few of them."""
    known = [
        (edge, above / curve.cases)
        for edge, above in zip(curve.edges, curve.above, strict=True)
        if 0 < above < curve.cases
    ]
    return _nearest(known, SCORE_SHARES, _log_odds) if known and curve.cases >= FEWEST_CASES else ()


def _log_odds(share: float) -> float:
    return math.log(share / (1 - share))


def prediction_channels(past: Tallies, kinds: Sequence[Counted], margins: tuple[float, float]) -> tuple[Channel, ...]:
    """Two channels for each kind of prediction that is worth comparing: more of it, and less.

    Args:
        past: what stable predicted before.
        kinds: what both arms count.
        margins: up to the first share of all predictions more is no change; the second must be excluded.
    """
    rollback, promote = margins
    return tuple(
        Channel(
            name=kind.contrary if complement else kind.spoken,
            metric="predictions",
            event=Tallied(kind=kind, complement=complement),
            rollback=HalfPlane(r0=1.0, d=rollback),
            promote=HalfPlane(r0=1.0, d=promote),
            margin=(f"{rollback:.1%} of all predictions moved", f"{promote:.1%} of all predictions moved"),
            lifts=_PREDICTION_LIFTS,
            stakes=(1.0,) * len(_PREDICTION_LIFTS),
        )
        for kind in (*_scores(past, kinds), *_classes(past, kinds))
        for complement in (False, True)
    )


def _scores(past: Tallies, kinds: Sequence[Counted]) -> Iterator[Counted]:
    """The kinds of each output whose bounds cut stable's scores best."""
    bounds = [kind for kind in kinds if kind.above is not None and kind in past]
    for output in dict.fromkeys(kind.output for kind in bounds):
        own = sorted((kind for kind in bounds if kind.output == output), key=lambda kind: kind.above or 0.0)
        curve = Curve(
            edges=tuple(kind.above or 0.0 for kind in own),
            above=tuple(past[kind].events for kind in own),
            cases=past[own[0]].cases,
        )
        cuts = score_cuts(curve)
        yield from (kind for kind in own if kind.above in cuts)


def _classes(past: Tallies, kinds: Sequence[Counted]) -> Iterator[Counted]:
    """The most frequent classes of each output, once there are enough cases to know them."""
    labels = [kind for kind in kinds if kind.above is None and kind in past and past[kind].cases >= FEWEST_CASES]
    for output in dict.fromkeys(kind.output for kind in labels):
        own = [kind for kind in labels if kind.output == output]
        yield from sorted(own, key=lambda kind: -past[kind].events)[:MOST_CLASSES]
