"""Raw counters of both arms read at one instant, and what happened between two such instants."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from towpath.core.tallies import ModelSample, TalliesGrown
from towpath.core.tallies import grown as tallies_grown

ARMS: Final = ("stable", "canary", "probe_stable", "probe_canary")

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


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaSample:
    """One scrape of one router replica: both arms at the same instant.

    Attributes:
        replica: the router replica.
        timestamp: seconds, of this scrape.
        stable: None while the router doesn't know the arm; an arm without a request is all zeros.
        no_cluster: requests whose route led to no cluster; they count in no arm.
        updates_refused: routes or clusters the router would not take.
    """

    replica: str
    timestamp: float
    stable: ArmCounters | None = None
    canary: ArmCounters | None = None
    probe_stable: ArmCounters | None = None
    probe_canary: ArmCounters | None = None
    no_cluster: int = 0
    updates_refused: int = 0

    def arms(self) -> Iterator[tuple[str, ArmCounters | None]]:
        """Every arm by name, live before probe."""
        return ((name, getattr(self, name)) for name in ARMS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What all router replicas said at one instant.

    Attributes:
        at: seconds, when it was taken.
        samples: one per router replica that answered.
        stable_ready: ready replicas of the stable release.
        canary_ready: ready replicas of the candidate.
        models: one per replica of the model that counts its predictions and answered.
        problems: replicas that didn't answer or whose numbers were refused, and why.
    """

    at: float
    samples: tuple[ReplicaSample, ...]
    models: tuple[ModelSample, ...] = ()
    stable_ready: int = 0
    canary_ready: int = 0
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmPair:
    """Growth of both arms over the same span on the same router replica."""

    stable: ArmCounters = NOTHING
    canary: ArmCounters = NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicaIncrement:
    """What one router replica counted between two observations; live and probe are never summed."""

    replica: str
    live: ArmPair
    probe: ArmPair
    no_cluster: int
    updates_refused: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Increments:
    """What happened between two observations.

    Attributes:
        at: seconds, of the later observation.
        seconds: between the two.
        replicas: the router replicas that count in this poll.
        tallies: what the model's replicas predicted.
        lost: why a router replica, or a stratum of it, doesn't count in this poll.
        stable_ready: ready replicas of the stable release, at the later one.
        canary_ready: ready replicas of the candidate, at the later one.
    """

    at: float
    seconds: float
    replicas: tuple[ReplicaIncrement, ...]
    tallies: TalliesGrown
    lost: tuple[str, ...]
    stable_ready: int
    canary_ready: int

    @property
    def live(self) -> ArmPair:
        """Requests of users, over all router replicas."""
        return _total([replica.live for replica in self.replicas])

    @property
    def probe(self) -> ArmPair:
        """Requests of ours, over all router replicas."""
        return _total([replica.probe for replica in self.replicas])

    @property
    def no_cluster(self) -> int:
        """Requests that were lost because their route led to no cluster."""
        return sum(replica.no_cluster for replica in self.replicas)

    @property
    def updates_refused(self) -> int:
        """Routes or clusters that a router replica would not take."""
        return sum(replica.updates_refused for replica in self.replicas)

    @property
    def load_ratio(self) -> float | None:
        """The candidate's load per ready replica over the stable release's; None where either is unknown."""
        stable = self.live.stable.requests + self.probe.stable.requests
        canary = self.live.canary.requests + self.probe.canary.requests
        if not (stable and self.stable_ready and self.canary_ready):
            return None
        return (canary / self.canary_ready) / (stable / self.stable_ready)


def increments(previous: Observation, current: Observation) -> Increments:
    """Difference the counters per router replica.

    A repeated timestamp is skipped; a counter that went back, or a replica that appears or vanishes, loses that
    replica's poll; an arm that appears or vanishes loses the poll of its stratum on that replica.
    """
    before = {sample.replica: sample for sample in previous.samples}
    after = {sample.replica: sample for sample in current.samples}
    grown: list[ReplicaIncrement] = []
    lost: list[str] = []
    for replica in sorted(before.keys() | after.keys()):
        problem = _unusable(before.get(replica), after.get(replica))
        if problem:
            lost.append(f"router replica {replica}: {problem}")
        else:
            increment, strata_lost = _grow(before[replica], after[replica])
            grown.append(increment)
            lost.extend(f"router replica {replica}: {why}" for why in strata_lost)
    tallies = tallies_grown(previous.models, current.models)
    return Increments(
        at=current.at,
        seconds=current.at - previous.at,
        replicas=tuple(grown),
        tallies=tallies,
        lost=(*lost, *tallies.lost),
        stable_ready=current.stable_ready,
        canary_ready=current.canary_ready,
    )


def _unusable(before: ReplicaSample | None, after: ReplicaSample | None) -> str:
    if before is None or after is None:
        return "appeared" if before is None else "vanished"
    if before.timestamp == after.timestamp:
        return "repeated timestamp"
    if before.timestamp > after.timestamp:
        return "its time went back"
    return _reset(before, after)


def _reset(before: ReplicaSample, after: ReplicaSample) -> str:
    if after.no_cluster < before.no_cluster or after.updates_refused < before.updates_refused:
        return "its counters started again"
    for (name, old), (_, new) in zip(before.arms(), after.arms(), strict=True):
        if old is not None and new is not None and _went_back(old, new):
            return f"the counters of {name} started again"
    return ""


def _went_back(old: ArmCounters, new: ArmCounters) -> bool:
    edges = dict(new.buckets)
    same_edges = not new.buckets or edges.keys() == dict(old.buckets).keys()
    return (
        new.requests < old.requests
        or new.errors < old.errors
        or new.timeouts < old.timeouts
        or (same_edges and any(edges.get(edge, 0) < count for edge, count in old.buckets))
    )


def _grow(before: ReplicaSample, after: ReplicaSample) -> tuple[ReplicaIncrement, list[str]]:
    live, live_lost = _pair("live", (before.stable, before.canary), (after.stable, after.canary))
    probe, probe_lost = _pair(
        "probe", (before.probe_stable, before.probe_canary), (after.probe_stable, after.probe_canary)
    )
    increment = ReplicaIncrement(
        replica=after.replica,
        live=live,
        probe=probe,
        no_cluster=after.no_cluster - before.no_cluster,
        updates_refused=after.updates_refused - before.updates_refused,
    )
    return increment, live_lost + probe_lost


_Arms = tuple[ArmCounters | None, ArmCounters | None]


def _pair(stratum: str, before: _Arms, after: _Arms) -> tuple[ArmPair, list[str]]:
    changed = [
        f"{arm} {'appeared' if old is None else 'vanished'} in {stratum}"
        for arm, old, new in zip(("stable", "canary"), before, after, strict=True)
        if (old is None) != (new is None)
    ]
    if changed:
        return ArmPair(), changed
    stable, canary = (_minus(new or NOTHING, old or NOTHING) for new, old in zip(after, before, strict=True))
    return ArmPair(stable=stable, canary=canary), []


def _minus(new: ArmCounters, old: ArmCounters) -> ArmCounters:
    return ArmCounters(
        requests=new.requests - old.requests,
        errors=new.errors - old.errors,
        timeouts=new.timeouts - old.timeouts,
        buckets=_buckets_minus(new.buckets, old.buckets),
    )


def _buckets_minus(new: Buckets, old: Buckets) -> Buckets:
    if not old:
        return new
    if [edge for edge, _ in new] != [edge for edge, _ in old]:
        return ()
    return tuple((edge, count - before) for (edge, count), (_, before) in zip(new, old, strict=True))


def _total(pairs: list[ArmPair]) -> ArmPair:
    return ArmPair(
        stable=sum_of_arms([pair.stable for pair in pairs]), canary=sum_of_arms([pair.canary for pair in pairs])
    )


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
    if not found and arm.errors > arm.requests:
        found.append(f"errors: {arm.errors} of only {arm.requests} requests")
    return found


def count_problem(value: object) -> str:
    """Say why `value` is no counter value; empty when it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r} is not a number"
    if not math.isfinite(value):
        return f"{value} is not finite"
    if value < 0:
        return f"{value} is negative"
    return "" if value == int(value) else f"{value} is not a whole number"
