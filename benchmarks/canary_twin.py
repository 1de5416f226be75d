"""The same canaries in numbers only: the product's own simulation with the same policy, traffic and differences."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks.canary_plan import RATE, Scenario
from benchmarks.canary_runs import Ran
from towpath.core.canary import CanaryStep, steps
from towpath.core.canary_outlook import step_at
from towpath.core.recording import Recording
from towpath.core.simulation import Candidate, run
from towpath.core.tallies import Counted, Tallies, total
from towpath.core.traffic import Traffic, known

SIMULATED: Final = 200  # canaries of each kind
_HALF: Final = 0.5
_ERRORS: Final = {"errors": 0.02, "late": 0.05, "yardstick": 0.05}


@dataclass(frozen=True, kw_only=True, slots=True)
class Simulated:
    """Canaries of one kind in numbers only.

    Attributes:
        refused: share that was rolled back.
        seconds: median from the fault's begin to the verdict; infinite where fewer than half were rolled back.
        affected: median of requests that the candidate would have got by then, from the fault's begin on.
    """

    refused: float
    seconds: float
    affected: float


def simulated(scenario: Scenario, ran: Sequence[Ran], looks: Recording, seed: int, runs: int = SIMULATED) -> Simulated:
    """Simulate what was run: traffic as stable's counters showed it, differences as they were measured."""
    policy = looks.policy
    plan, traffic = steps(policy, 1), stable_traffic(looks)
    candidate = Candidate(
        name=scenario.name,
        errors=_ERRORS.get(scenario.name, 0.0),
        slower=max(1.0, median(one.slower for one in ran)) if scenario.name == "latency" else 1.0,
        moved=moved(looks) if scenario.name == "shift" else 0.0,
        begins=median(one.onset for one in ran),
    )
    ended = [run(policy, plan, traffic, candidate, seed + number) for number in range(runs)]
    refused = [one.seconds if one.said.kind == "roll back" else math.inf for one in ended]
    seconds = median(refused)
    before = requests_by(plan, candidate.begins)
    return Simulated(
        refused=sum(math.isfinite(one) for one in refused) / len(refused),
        seconds=seconds - candidate.begins,
        affected=requests_by(plan, seconds) - before if math.isfinite(seconds) else math.inf,
    )


def stable_traffic(looks: Recording) -> Traffic:
    """What stable's counters told as the canary began."""
    return known(looks.policy, RATE, looks.looks[0].observation)


def requests_by(plan: Sequence[CanaryStep], seconds: float) -> float:
    """Requests that a candidate gets until then."""
    whole, rest = int(seconds), seconds - int(seconds)
    pieces = itertools.chain(((second + 1.0, 1.0) for second in range(whole)), ((seconds, rest),))
    return sum(RATE * step_at(plan, until).traffic / 100 * length for until, length in pieces)


def moved(looks: Recording) -> float:
    """The candidate's share of scores above stable's median, beyond stable's own."""
    newest = looks.looks[-1].observation.models
    stable, canary = total(newest, "stable"), total(newest, "canary")
    scores = [kind for kind in stable if kind.above is not None and kind in canary]
    middle = min(scores, key=lambda kind: abs(_share(stable, kind) - _HALF), default=None)
    return 0.0 if middle is None else max(0.0, _share(canary, middle) - _share(stable, middle))


def _share(tallies: Tallies, kind: Counted) -> float:
    tally = tallies[kind]
    return tally.events / tally.cases if tally.cases else 0.0
