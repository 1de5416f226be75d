"""Bad days as data: what two arms, a router and the model's replicas do, phase by phase, and what must be said."""

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from towpath.core.canary import Decision, decide, steps
from towpath.core.canary_policy import CanaryPolicy, check
from towpath.core.counters import ArmCounters
from towpath.core.judge import Verdict
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.tallies import Arm, Counted, ModelSample, Tally
from towpath.core.watch import Look, Watched, after, situation

FOLDER = Path(__file__).parent
BEGUN = 1_000_000.0
PAST = 600.0  # seconds of stable's traffic before, unless a day says otherwise
BOUNDS = (0.2, 0.4, 0.6, 0.8)
REPLICAS = 2
_USUAL: Mapping[str, Any] = {
    "rps": 100.0,
    "errors": 0.001,
    "timeouts": 0.0,
    "edges": [50.0, 100.0, 200.0, 400.0],
    "above": [0.5, 0.1, 0.05, 0.02],
    "scores": [0.8, 0.6, 0.4, 0.2],
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """One case: given, expect."""

    name: str
    policy: CanaryPolicy
    past: float
    phases: Sequence[Mapping[str, Any]]
    expect: Mapping[str, Any]


@dataclass(kw_only=True, slots=True)
class Arms:
    """Sums of what the arms of one stratum did at one router replica."""

    sums: dict[str, float] = field(default_factory=dict)
    edges: tuple[float, ...] = ()

    def grow(self, rates: Mapping[str, Any], seconds: float) -> None:
        requests = rates["rps"] * seconds
        failed = min(1.0, rates["errors"] + rates["timeouts"])
        if tuple(rates["edges"]) != self.edges:
            self.edges = tuple(rates["edges"])
            self.sums = {name: count for name, count in self.sums.items() if not name.startswith("le")}
        self._add("requests", requests)
        self._add("errors", requests * failed)
        self._add("timeouts", requests * rates["timeouts"])
        for edge, above in zip((*self.edges, math.inf), (*rates["above"], 0.0), strict=True):
            self._add(f"le{edge}", requests * (1 - failed) * (1 - above))

    def _add(self, name: str, count: float) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + count

    def counters(self) -> ArmCounters:
        whole = {name: int(count) for name, count in self.sums.items()}
        buckets = tuple((edge, whole.get(f"le{edge}", 0)) for edge in (*self.edges, math.inf))
        return ArmCounters(
            requests=whole.get("requests", 0),
            errors=whole.get("errors", 0),
            timeouts=whole.get("timeouts", 0),
            buckets=buckets if buckets[-1][1] else (),
        )


@dataclass(kw_only=True, slots=True)
class Model:
    """What one arm's replicas predicted."""

    cases: float = 0.0
    above: list[float] = field(default_factory=lambda: [0.0] * len(BOUNDS))

    def grow(self, rates: Mapping[str, Any], seconds: float) -> None:
        cases = rates["rps"] * seconds * (1 - min(1.0, rates["errors"] + rates["timeouts"]))
        self.cases += cases
        self.above = [old + cases * share for old, share in zip(self.above, rates["scores"], strict=True)]

    def sample(self, arm: Arm) -> ModelSample:
        live = {
            Counted(output="p", above=bound): Tally(events=int(above), cases=int(self.cases))
            for bound, above in zip(BOUNDS, self.above, strict=True)
        }
        return ModelSample(replica=f"{arm}-0", arm=arm, live=live, probe=dict.fromkeys(live, Tally()))


class World:
    """Counts with the time; the same day gives the same looks."""

    def __init__(self, past: float) -> None:
        self.now = BEGUN + past
        self.routers: dict[str, dict[str, Arms]] = {}
        self.models: dict[str, Model] = {"stable": Model(), "canary": Model()}
        self.frozen: dict[str, ReplicaSample] = {}

    def looks(self, phases: Sequence[Mapping[str, Any]], past: float) -> Iterator[Look]:
        if past:
            self._grow({"routers": phases[0].get("routers", ["r1"]), "canary": {"rps": 0}}, past)
        for phase in phases:
            for name in phase.get("restarted", ()):
                self.routers.pop(name, None)
            for _ in range(phase.get("polls", 1)):
                yield self._look(phase)

    def _look(self, phase: Mapping[str, Any]) -> Look:
        every = float(phase.get("every", 10.0))
        self.now += every
        self._grow(phase, every)
        answering = [] if phase.get("silent") else phase.get("routers", ["r1"])
        samples = tuple(self._sample(name, phase) for name in answering)
        self.frozen = {sample.replica: sample for sample in samples}
        counting: Sequence[Arm] = phase.get("counting", ("stable", "canary"))
        seen = Observation(
            at=self.now,
            samples=samples,
            models=tuple(self.models[arm].sample(arm) for arm in counting),
            stable_ready=REPLICAS,
            canary_ready=REPLICAS,
            problems=tuple(phase.get("problems", ())),
        )
        return Look(step=phase.get("step", 0), observation=seen)

    def _grow(self, phase: Mapping[str, Any], seconds: float) -> None:
        names = phase.get("busy", phase.get("routers", ["r1"]))
        for arm in ("stable", "canary", "probe_stable", "probe_canary"):
            default = {"rps": 0.0} if arm.startswith("probe") else {}
            rates = {**_USUAL, **default, **phase.get(arm, {})}
            for name in names:
                kept = self.routers.setdefault(name, {}).setdefault(arm, Arms())
                kept.grow({**rates, **phase.get("edges_of", {}).get(name, {})}, seconds / len(names))
            if arm in self.models:
                self.models[arm].grow(rates, seconds)

    def _sample(self, name: str, phase: Mapping[str, Any]) -> ReplicaSample:
        if name in phase.get("frozen", ()) and name in self.frozen:
            return self.frozen[name]
        arms = {arm: sums.counters() for arm, sums in self.routers.get(name, {}).items()}
        return ReplicaSample(
            replica=name,
            timestamp=self.now,
            stable=arms.get("stable"),
            canary=arms.get("canary"),
            probe_stable=arms.get("probe_stable"),
            probe_canary=arms.get("probe_canary"),
            no_cluster=phase.get("no_cluster", 0),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """After the last look."""

    verdict: Verdict
    decision: Decision
    counted: int


def lived(day: Day) -> Said:
    """Fold the day as a driver would, deciding at each look; a decision that ends the canary is the last."""
    world, plan = World(day.past), steps(day.policy, REPLICAS)
    state = Watched(policy=day.policy, served_since=BEGUN)
    looks = world.looks(day.phases, day.past)
    begun = 0.0
    place = 0
    for look in looks:
        begun = begun or look.observation.at
        if look.step != place:
            place, begun = look.step, look.observation.at
        state = after(state, look)
        now = situation(state, place=place, step_since=begun, now=look.observation.at)
        decision = decide(day.policy, plan, now)
        if type(decision).__name__ in ("RollBack", "Halt", "Inconclusive"):
            break
    counted = 0 if state.judge is None else state.judge.polls
    return Said(verdict=now.verdict, decision=decision, counted=counted)


def days() -> list[Day]:
    """Every day of the folder."""
    return [_day(path) for path in sorted(FOLDER.glob("*.toml"))]


def _day(path: Path) -> Day:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    usual: dict[str, Any] = {"traffic": (50,), "min_time": 120.0, "max_time": 900.0, "warm_up": 0.0}
    chosen = {**usual, **table.get("policy", {})}
    chosen = {name: tuple(value) if isinstance(value, list) else value for name, value in chosen.items()}
    return Day(
        name=path.stem,
        policy=check(CanaryPolicy(**chosen)),
        past=float(table.get("past", PAST)),
        phases=table["phase"],
        expect=table["expect"],
    )
