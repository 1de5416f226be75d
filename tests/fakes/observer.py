"""Eyes and hands of a canary, in memory."""

import math
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import NormalDist

from tests.fakes.clock import FakeClock
from towpath.app.canary_ports import ProbeReport
from towpath.core.counters import ArmCounters
from towpath.core.inputs import Feature
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.own_counts import OwnSample
from towpath.core.tallies import Arm, Counted, ModelSample, Tally

_EDGES = (50.0, 100.0, 200.0, math.inf)


@dataclass(kw_only=True)
class FakeFeature:
    """A normal feature of sd 1 in the bins of its training; it lies at `mean` now and lay at `offset` in training."""

    name: str
    cuts: tuple[float, ...] = tuple(NormalDist().inv_cdf(tenth / 10) for tenth in range(1, 10))
    trained: int = 1000
    mean: float = 0.0
    offset: float = 0.0
    rows: list[float] = field(default_factory=list)

    def grow(self, requests: float) -> None:
        rows = self.rows or [0.0] * (len(self.cuts) + 1)
        self.rows = [row + requests * share for row, share in zip(rows, self._shares(self.mean), strict=True)]

    def feature(self) -> Feature:
        rows = tuple(round(self.trained * share) for share in self._shares(self.offset)) if self.trained else ()
        return Feature(input="x", name=self.name, cuts=self.cuts, trained=rows)

    def counts(self) -> tuple[int, ...]:
        return tuple(map(int, self.rows or [0.0] * (len(self.cuts) + 1)))

    def _shares(self, mean: float) -> list[float]:
        upto = [0.0, *(NormalDist(mean).cdf(cut) for cut in self.cuts), 1.0]
        return [high - low for low, high in pairwise(upto)]


@dataclass(kw_only=True)
class FakeArm:
    """Counters of one arm, which grow by rates per second."""

    rate: float = 0.0
    errors: float = 0.0  # share
    hangs: bool = False  # every request times out at the router
    upto: tuple[float, ...] = (0.5, 0.9, 0.99)  # shares of answers within 50, 100 and 200 ms
    requests: float = 0.0
    failed: float = 0.0
    predicted: dict[str, float] = field(default_factory=dict)  # shares of the classes
    asked: list[FakeFeature] = field(default_factory=list)

    def grow(self, seconds: float) -> None:
        for feature in self.asked:
            feature.grow(self.rate * seconds)
        self.requests += self.rate * seconds
        self.failed += self.rate * (1.0 if self.hangs else self.errors) * seconds

    def counters(self) -> ArmCounters:
        answered = int(self.requests)
        counts = [int(answered * share) for share in self.upto]
        buckets = tuple(zip(_EDGES, (*counts, answered), strict=True)) if answered and not self.hangs else ()
        timeouts = int(self.failed) if self.hangs else 0
        return ArmCounters(requests=answered, errors=int(self.failed), timeouts=timeouts, buckets=buckets)


@dataclass(kw_only=True)
class FakeOwn:
    """What both releases count of a metric of the user's own: shares of answers; absent: not counted."""

    stable: float | None
    canary: float | None

    def samples(self, name: str, stable: FakeArm, canary: FakeArm) -> list[OwnSample]:
        shares: list[tuple[Arm, float | None, FakeArm]] = [
            ("stable", self.stable, stable),
            ("canary", self.canary, canary),
        ]
        return [
            OwnSample(
                metric=name,
                arm=arm,
                source=f"{arm}-0",
                tally=Tally(events=int(int(counted.requests) * share), cases=int(counted.requests)),
            )
            for arm, share, counted in shares
            if share is not None
        ]


@dataclass(kw_only=True)
class FakeObserver:
    """A router of one replica, whose arms count with the clock; `outage` makes it unreadable.

    `fails` is what a look ends with, against all that is promised of it.
    `counting` are the arms whose replicas count their predictions; a look `takes` so many seconds.
    """

    clock: FakeClock
    stable: FakeArm = field(default_factory=FakeArm)
    canary: FakeArm = field(default_factory=FakeArm)
    probe_stable: FakeArm = field(default_factory=FakeArm)
    probe_canary: FakeArm = field(default_factory=FakeArm)
    stable_ready: int = 2
    canary_ready: int = 2
    no_cluster: int = 0
    outage: bool = False
    problem: str = "router replica router-0: no answer"
    counting: tuple[Arm, ...] = ()
    takes: float = 0.0
    fails: Exception | None = None
    own: dict[str, FakeOwn] = field(default_factory=dict)
    watched: tuple[str, ...] = ()  # which of them the driver asked for
    reads: int = 0
    _seen: float | None = None

    def read(self) -> Observation:
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        self.clock.advance(self.takes)
        now = self.clock.now()
        for arm in (self.stable, self.canary, self.probe_stable, self.probe_canary):
            arm.grow(now - (now if self._seen is None else self._seen))
        self._seen = now
        return Observation(
            at=now,
            samples=() if self.outage else (self._sample(now),),
            models=tuple(
                self._model(arm, name)
                for name, arm in self._arms()
                if name in self.counting or arm.asked or arm.predicted
            ),
            own=tuple(
                sample for name in self.watched for sample in self.own[name].samples(name, self.stable, self.canary)
            ),
            stable_ready=self.stable_ready,
            canary_ready=self.canary_ready,
            problems=(self.problem,) if self.outage else (),
        )

    def _arms(self) -> tuple[tuple[Arm, FakeArm], ...]:
        return ("stable", self.stable), ("canary", self.canary)

    def _model(self, arm: FakeArm, name: Arm) -> ModelSample:
        predicted = {
            Counted(output="p", label=label): Tally(events=int(arm.requests * share), cases=int(arm.requests))
            for label, share in arm.predicted.items()
        }
        if name in self.counting:
            cases = int(arm.requests)
            predicted[Counted(output="p", above=0.5)] = Tally(events=cases // 3, cases=cases)
        asked = {feature.feature(): feature.counts() for feature in arm.asked}
        nothing = dict.fromkeys(predicted, Tally())
        return ModelSample(replica=name, arm=name, live=predicted, probe=nothing, asked=asked)

    def _sample(self, now: float) -> ReplicaSample:
        return ReplicaSample(
            replica="router-0",
            timestamp=now,
            stable=self.stable.counters(),
            canary=self.canary.counters(),
            probe_stable=self.probe_stable.counters(),
            probe_canary=self.probe_canary.counters(),
            no_cluster=self.no_cluster,
        )


@dataclass(kw_only=True)
class FakeProber:
    """Remembers what was fired; answers the smoke request as told."""

    failure: str = ""
    fired: list[tuple[int, float]] = field(default_factory=list)
    smoked: int = 0

    def fire(self, requests: int, seconds: float) -> ProbeReport:
        self.fired.append((requests, seconds))
        return ProbeReport(sent=2 * requests, failed=0)

    def smoke(self) -> str:
        self.smoked += 1
        return self.failure
