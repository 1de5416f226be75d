"""Raw counters of both arms read at one instant, and what happened between two such instants."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from towpath.core.counters import NOTHING, ArmCounters, minus, sum_of_arms, went_back
from towpath.core.own_counts import OwnGrown, OwnSample
from towpath.core.own_counts import grown as own_grown
from towpath.core.tallies import ModelSample, TalliesGrown
from towpath.core.tallies import grown as tallies_grown

ARMS: Final = ("stable", "canary", "probe_stable", "probe_canary")


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
        own: what was counted of the user's own metrics, which leave probes out.
        problems: replicas that didn't answer or whose numbers were refused, and why.
    """

    at: float
    samples: tuple[ReplicaSample, ...]
    models: tuple[ModelSample, ...] = ()
    own: tuple[OwnSample, ...] = ()
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
        own: what was counted of the user's own metrics.
        lost: why a router replica, or a stratum of it, doesn't count in this poll.
        stable_ready: ready replicas of the stable release, at the later one.
        canary_ready: ready replicas of the candidate, at the later one.
    """

    at: float
    seconds: float
    replicas: tuple[ReplicaIncrement, ...]
    tallies: TalliesGrown
    own: OwnGrown
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


def increments(previous: Observation, current: Observation) -> Increments:
    """Difference the counters per router replica.

    A repeated timestamp is skipped; a counter that went back, or a replica that appears or vanishes, loses that
    replica's poll; an arm that appears or vanishes loses the poll of its stratum on that replica.
    """
    routers, lost = _routers(previous, current)
    tallies = tallies_grown(previous.models, current.models)
    own = own_grown(previous.own, current.own)
    return Increments(
        at=current.at,
        seconds=current.at - previous.at,
        replicas=tuple(routers),
        tallies=tallies,
        own=own,
        lost=(*lost, *tallies.lost, *own.lost),
        stable_ready=current.stable_ready,
        canary_ready=current.canary_ready,
    )


def routed(previous: Observation, current: Observation) -> ArmPair:
    """Users' requests between two observations, as the routers counted them: of the increments, the cheap part."""
    return _total([router.live for router in _routers(previous, current)[0]])


def _routers(previous: Observation, current: Observation) -> tuple[list[ReplicaIncrement], list[str]]:
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
    return grown, lost


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
        if old is not None and new is not None and went_back(old, new):
            return f"the counters of {name} started again"
    return ""


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
    stable, canary = (minus(new or NOTHING, old or NOTHING) for new, old in zip(after, before, strict=True))
    return ArmPair(stable=stable, canary=canary), []


def _total(pairs: list[ArmPair]) -> ArmPair:
    return ArmPair(
        stable=sum_of_arms([pair.stable for pair in pairs]), canary=sum_of_arms([pair.canary for pair in pairs])
    )
