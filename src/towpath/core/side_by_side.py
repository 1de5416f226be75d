"""Both arms' counters of a canary beside one another: errors, latency, and what is predicted otherwise."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from towpath.core.counters import ArmCounters, sum_of_arms
from towpath.core.difference import MISS, Difference, Share, within_steps
from towpath.core.observation import ArmPair, Increments, Observation, increments
from towpath.core.own_counts import OwnGrown
from towpath.core.tallies import ArmTallies, Counted, Tally
from towpath.core.watch import Look

QUANTILES: Final = (0.5, 0.9, 0.99)
_MOST_CLASSES: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantile:
    """So long, or shorter, took that share of an arm's answers.

    Attributes:
        milliseconds: interpolated, straight between the edges of the router's bucket it falls in.
        low: that bucket's lower edge, in ms; the true quantile is not below it.
        high: its upper edge; infinite beyond the last one, and for answers that the router gave up waiting for.
    """

    milliseconds: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """One quantile of both arms; absent where an arm answered nothing."""

    share: float
    stable: Quantile | None
    canary: Quantile | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """How often both arms predict one kind of thing.

    Attributes:
        difference: compared within steps; its interval allows for all kinds that were looked at.
    """

    kind: Counted
    stable: Share
    canary: Share
    difference: Difference


@dataclass(frozen=True, kw_only=True, slots=True)
class Stratum:
    """Both arms on requests of one origin.

    Attributes:
        stable: failing of all requests.
        canary: the same of the candidate.
        errors: the difference, compared within steps; absent until both arms had a request in the same step.
        latency: of answers.
        moved: of each output the cut, or the classes, at which the arms are farthest apart.
        kinds: so many kinds of prediction were compared to find those.
    """

    stable: Share
    canary: Share
    errors: Difference | None
    latency: tuple[Latency, ...]
    moved: tuple[Moved, ...]
    kinds: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """One of the user's own metrics in both arms, users' requests and probes together.

    Attributes:
        difference: compared within steps; absent until both arms had a case in the same step.
    """

    metric: str
    stable: Share
    canary: Share
    difference: Difference | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SideBySide:
    """All that was counted of two arms, users' requests and probes apart.

    Attributes:
        since: the first look, seconds since the epoch.
        until: the last one.
        ends: when each step of traffic was looked at last.
        own: metrics of the user's own that either arm counted, by name.
        lost: router replicas and replicas of the model that did not count at some look, and why.
    """

    since: float
    until: float
    ends: tuple[float, ...]
    live: Stratum
    probe: Stratum
    own: tuple[Own, ...]
    lost: tuple[str, ...]


def side_by_side(looks: Sequence[Look]) -> SideBySide | None:
    """What was counted between the first look and the last; None unless two of them could be read.

    Counters are differenced from look to look, so that one that started again costs one look.
    """
    seen = [look for look in looks if look.observation.samples]
    spans = list(_spans(seen))
    grown = [(step, increments(before, now)) for step, before, now in spans]
    if not grown:
        return None
    return SideBySide(
        since=seen[0].observation.at,
        until=seen[-1].observation.at,
        ends=tuple({step: now.at for step, _, now in spans}.values()),
        live=_stratum([(step, one.live, one.tallies.live) for step, one in grown]),
        probe=_stratum([(step, one.probe, one.tallies.probe) for step, one in grown]),
        own=tuple(_own([(step, one.own) for step, one in grown])),
        lost=_lost([one for _, one in grown]),
    )


def quantile(arm: ArmCounters, share: float) -> Quantile | None:
    """Of an arm's answers and timeouts; None where there are none, or no buckets.

    Within a bucket it is interpolated straight, as Prometheus does (its function `histogram_quantile`).
    """
    answered = arm.buckets[-1][1] if arm.buckets else 0
    rank = share * (answered + arm.timeouts)
    if not answered:
        return None
    edge = below = 0.0
    for upper, count in arm.buckets:
        if count >= rank and not math.isinf(upper):
            part = (rank - below) / (count - below) if count > below else 1.0
            return Quantile(milliseconds=edge + part * (upper - edge), low=edge, high=upper)
        if not math.isinf(upper):
            edge, below = upper, count
    return Quantile(milliseconds=edge, low=edge, high=math.inf)


def _spans(seen: Sequence[Look]) -> Iterator[tuple[int, Observation, Observation]]:
    """Each look with the one before; steps are counted as they came, for a ramp that began again comes twice by one."""
    count = 0
    for before, now in pairwise(seen):
        count += before.step != now.step
        yield count, before.observation, now.observation


_Grown = tuple[int, ArmPair, ArmTallies]


def _stratum(grown: Sequence[_Grown]) -> Stratum:
    pairs = [pair for _, pair, _ in grown]
    stable, canary = sum_of_arms([pair.stable for pair in pairs]), sum_of_arms([pair.canary for pair in pairs])
    kinds = _kinds(grown)
    return Stratum(
        stable=_errors(stable),
        canary=_errors(canary),
        errors=within_steps(_by_step([(step, _errors(pair.stable), _errors(pair.canary)) for step, pair, _ in grown])),
        latency=tuple(
            Latency(share=share, stable=quantile(stable, share), canary=quantile(canary, share)) for share in QUANTILES
        ),
        moved=_most(list(_moved(grown, kinds))),
        kinds=len(kinds),
    )


def _errors(arm: ArmCounters) -> Share:
    return Share(events=arm.errors, cases=arm.requests)


def _by_step(shares: Sequence[tuple[int, Share, Share]]) -> list[tuple[Share, Share]]:
    sums: dict[int, tuple[Share, Share]] = {}
    for step, stable, canary in shares:
        before = sums.get(step, (Share(), Share()))
        sums[step] = before[0] + stable, before[1] + canary
    return list(sums.values())


def _kinds(grown: Sequence[_Grown]) -> tuple[Counted, ...]:
    """What both arms predicted and counted, in the order in which it is counted."""
    stable = {kind for _, _, tallies in grown for kind, tally in tallies.stable.items() if tally.cases}
    canary = {kind for _, _, tallies in grown for kind, tally in tallies.canary.items() if tally.cases}
    order = dict.fromkeys(kind for _, _, tallies in grown for kind in tallies.stable)
    return tuple(kind for kind in order if kind in stable and kind in canary)


def _moved(grown: Sequence[_Grown], kinds: Sequence[Counted]) -> Iterator[Moved]:
    """Every kind; each interval misses so rarely that all of them together keep the promise of one (Bonferroni)."""
    for kind in kinds:
        steps = _by_step(
            [(step, _share(tallies.stable.get(kind)), _share(tallies.canary.get(kind))) for step, _, tallies in grown]
        )
        difference = within_steps(steps, MISS / len(kinds))
        if difference is not None:
            yield Moved(
                kind=kind,
                stable=sum((stable for stable, _ in steps), Share()),
                canary=sum((canary for _, canary in steps), Share()),
                difference=difference,
            )


def _share(tally: Tally | None) -> Share:
    return Share() if tally is None else Share(events=tally.events, cases=tally.cases)


def _most(moved: Sequence[Moved]) -> tuple[Moved, ...]:
    """Of neighbouring cuts of a score all say the same, so one is enough; of classes a few."""
    found: list[Moved] = []
    for output in dict.fromkeys(one.kind.output for one in moved):
        own = sorted((one for one in moved if one.kind.output == output), key=lambda one: -abs(one.difference.value))
        found += own[: 1 if own[0].kind.above is not None else _MOST_CLASSES]
    return tuple(found)


def _own(grown: Sequence[tuple[int, OwnGrown]]) -> Iterator[Own]:
    for metric in sorted({name for _, one in grown for name in (*one.stable, *one.canary)}):
        steps = _by_step(
            [(step, _share(one.stable.get(metric)), _share(one.canary.get(metric))) for step, one in grown]
        )
        yield Own(
            metric=metric,
            stable=sum((stable for stable, _ in steps), Share()),
            canary=sum((canary for _, canary in steps), Share()),
            difference=within_steps(steps),
        )


def _lost(grown: Sequence[Increments]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for why in (why for one in grown for why in one.lost):
        counts[why] = counts.get(why, 0) + 1
    return tuple(why if count == 1 else f"{why} ({count} times)" for why, count in counts.items())
