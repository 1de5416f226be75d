"""Counters of one arm: how they are added, differenced and checked."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

Buckets = tuple[tuple[float, int], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmCounters:
    """Counters of one arm on one router replica, or their growth.

    Attributes:
        requests: answered requests, whatever the answer; those the client gave up on are in no counter.
        errors: answers 5xx, among them timeouts and failed connections.
        timeouts: requests the router gave up on; they are errors, and in no latency bucket.
        buckets: cumulative counts of answers by upper edge in ms, ascending; empty while there are none.
    """

    requests: int = 0
    errors: int = 0
    timeouts: int = 0
    buckets: Buckets = ()


NOTHING: Final = ArmCounters()


def went_back(old: ArmCounters, new: ArmCounters) -> bool:
    """Whether a counter is lower than it was."""
    edges = dict(new.buckets)
    same_edges = not new.buckets or edges.keys() == dict(old.buckets).keys()
    return (
        new.requests < old.requests
        or new.errors < old.errors
        or new.timeouts < old.timeouts
        or (same_edges and any(edges.get(edge, 0) < count for edge, count in old.buckets))
    )


def minus(new: ArmCounters, old: ArmCounters) -> ArmCounters:
    """The growth; no buckets where their edges changed, or where there were none although requests were answered."""
    return ArmCounters(
        requests=new.requests - old.requests,
        errors=new.errors - old.errors,
        timeouts=new.timeouts - old.timeouts,
        buckets=_buckets_minus(new.buckets, old.buckets) if old.buckets or old.requests else new.buckets,
    )


def _buckets_minus(new: Buckets, old: Buckets) -> Buckets:
    if [edge for edge, _ in new] != [edge for edge, _ in old]:
        return ()
    return tuple((edge, count - before) for (edge, count), (_, before) in zip(new, old, strict=True))


def sum_of_arms(arms: list[ArmCounters]) -> ArmCounters:
    """Counters of one arm over all router replicas; no buckets where their edges differ."""
    return ArmCounters(
        requests=sum(arm.requests for arm in arms),
        errors=sum(arm.errors for arm in arms),
        timeouts=sum(arm.timeouts for arm in arms),
        buckets=_buckets_sum([arm.buckets for arm in arms if arm.buckets]),
    )


def _buckets_sum(many: list[Buckets]) -> Buckets:
    if len({tuple(edge for edge, _ in one) for one in many}) != 1:
        return ()
    return tuple((many[0][i][0], sum(one[i][1] for one in many)) for i in range(len(many[0])))


def arm_problems(arm: ArmCounters) -> list[str]:
    """Name every number that no router can have counted; empty when the arm is sound."""
    counts: dict[str, object] = {"requests": arm.requests, "errors": arm.errors, "timeouts": arm.timeouts}
    counts |= {f"bucket le={edge:g}": count for edge, count in arm.buckets}
    found = [f"{name}: {why}" for name, value in counts.items() if (why := count_problem(value))]
    found += [f"bucket edge {edge} is not a number" for edge, _ in arm.buckets if math.isnan(edge)]
    return found or _contradictions(arm)


def _contradictions(arm: ArmCounters) -> list[str]:
    """Counts that can't be right together.

    Timeouts may be more than errors: what the router gives up on midway had its good status already.
    """
    failed = (("errors", arm.errors), ("timeouts", arm.timeouts))
    found = [f"{name}: {count} of only {arm.requests} requests" for name, count in failed if count > arm.requests]
    return found + [
        f"bucket le={edge:g}: {count} is lower than {before} of le={lower:g}"
        for (lower, before), (edge, count) in pairwise(arm.buckets)
        if count < before
    ]


def count_problem(value: object) -> str:
    """Say why `value` is no counter value; empty when it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} is not a number"
    if not math.isfinite(value):
        return f"{value} is not finite"
    if value < 0:
        return f"{value} is negative"
    return "" if value == int(value) else f"{value} is not a whole number"
