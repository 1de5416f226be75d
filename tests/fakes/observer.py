"""Eyes and hands of a canary, in memory."""

import math
from dataclasses import dataclass, field

from tests.fakes.clock import FakeClock
from towpath.app.canary_ports import ProbeReport
from towpath.core.counters import ArmCounters
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.tallies import Arm, Counted, ModelSample, Tally

_EDGES = (50.0, 100.0, 200.0, math.inf)


@dataclass(kw_only=True)
class FakeArm:
    """Counters of one arm, which grow by rates per second."""

    rate: float = 0.0
    errors: float = 0.0  # share
    hangs: bool = False  # every request times out at the router
    upto: tuple[float, ...] = (0.5, 0.9, 0.99)  # shares of answers within 50, 100 and 200 ms
    requests: float = 0.0
    failed: float = 0.0

    def grow(self, seconds: float) -> None:
        self.requests += self.rate * seconds
        self.failed += self.rate * (1.0 if self.hangs else self.errors) * seconds

    def counters(self) -> ArmCounters:
        answered = int(self.requests)
        counts = [int(answered * share) for share in self.upto]
        buckets = tuple(zip(_EDGES, (*counts, answered), strict=True)) if answered and not self.hangs else ()
        timeouts = int(self.failed) if self.hangs else 0
        return ArmCounters(requests=answered, errors=int(self.failed), timeouts=timeouts, buckets=buckets)


@dataclass(kw_only=True)
class FakeObserver:
    """A router of one replica, whose arms count with the clock; `outage` makes it unreadable.

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
    reads: int = 0
    _seen: float | None = None

    def read(self) -> Observation:
        self.reads += 1
        self.clock.advance(self.takes)
        now = self.clock.now()
        for arm in (self.stable, self.canary, self.probe_stable, self.probe_canary):
            arm.grow(now - (now if self._seen is None else self._seen))
        self._seen = now
        return Observation(
            at=now,
            samples=() if self.outage else (self._sample(now),),
            stable_ready=self.stable_ready,
            canary_ready=self.canary_ready,
            models=tuple(self._predicted(arm) for arm in self.counting),
            problems=(self.problem,) if self.outage else (),
        )

    def _predicted(self, arm: Arm) -> ModelSample:
        cases = int((self.stable if arm == "stable" else self.canary).requests)
        live = {Counted(output="p", above=0.5): Tally(events=cases // 3, cases=cases)}
        return ModelSample(replica=f"{arm}-0", arm=arm, live=live, probe=dict.fromkeys(live, Tally()))

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
