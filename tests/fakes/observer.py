"""Eyes and hands of a canary, in memory."""

import math
from dataclasses import dataclass, field

from tests.fakes.clock import FakeClock
from towpath.app.canary_ports import ProbeReport
from towpath.core.counters import ArmCounters
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.own_counts import OwnSample
from towpath.core.tallies import Arm, Tally

_EDGES = (50.0, 100.0, 200.0, math.inf)


@dataclass(kw_only=True)
class FakeArm:
    """Counters of one arm, which grow by rates per second."""

    rate: float = 0.0
    errors: float = 0.0  # share
    upto: tuple[float, ...] = (0.5, 0.9, 0.99)  # shares of answers within 50, 100 and 200 ms
    requests: float = 0.0
    failed: float = 0.0

    def grow(self, seconds: float) -> None:
        self.requests += self.rate * seconds
        self.failed += self.rate * self.errors * seconds

    def counters(self) -> ArmCounters:
        answered = int(self.requests)
        counts = [int(answered * share) for share in self.upto]
        buckets = tuple(zip(_EDGES, (*counts, answered), strict=True)) if answered else ()
        return ArmCounters(requests=answered, errors=int(self.failed), buckets=buckets)


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
    """A router of one replica, whose arms count with the clock; `outage` makes it unreadable."""

    clock: FakeClock
    stable: FakeArm = field(default_factory=FakeArm)
    canary: FakeArm = field(default_factory=FakeArm)
    probe_stable: FakeArm = field(default_factory=FakeArm)
    probe_canary: FakeArm = field(default_factory=FakeArm)
    stable_ready: int = 2
    canary_ready: int = 2
    no_cluster: int = 0
    outage: bool = False
    own: dict[str, FakeOwn] = field(default_factory=dict)
    watched: tuple[str, ...] = ()  # which of them the driver asked for
    reads: int = 0
    _seen: float | None = None

    def read(self) -> Observation:
        self.reads += 1
        now = self.clock.now()
        for arm in (self.stable, self.canary, self.probe_stable, self.probe_canary):
            arm.grow(now - (now if self._seen is None else self._seen))
        self._seen = now
        return Observation(
            at=now,
            samples=() if self.outage else (self._sample(now),),
            own=tuple(
                sample for name in self.watched for sample in self.own[name].samples(name, self.stable, self.canary)
            ),
            stable_ready=self.stable_ready,
            canary_ready=self.canary_ready,
            problems=("router replica router-0: no answer",) if self.outage else (),
        )

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
    fired: list[int] = field(default_factory=list)
    smoked: int = 0

    def fire(self, requests: int) -> ProbeReport:
        self.fired.append(requests)
        return ProbeReport(sent=2 * requests, failed=0)

    def smoke(self) -> str:
        self.smoked += 1
        return self.failure
