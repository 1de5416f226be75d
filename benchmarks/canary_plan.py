"""What the benchmark of running canaries does: its policies, its faults, and in which order."""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

RATE: Final = 100.0  # requests per second, in total
WORK_MS: Final = 10.0  # median of what the model takes beyond its own computing; log-normal
WORK_SIGMA: Final = 0.3
LATE: Final = 100  # requests of the candidate before the late fault begins

TABLE: Final = "[environments.lab.canary]"
COMPRESSED: Final = """\
traffic = [10]
poll = "1s"
min_time = "10s"
max_time = "150s"
warm_up = "4s"
max_gap = "30s"
on_inconclusive = "rollback"
margins.errors.promote = {ratio = 1.5, plus = 0.01}
margins.latency.promote = {slower = 0.4, plus_ms = 3}
margins.predictions.promote = 0.1
"""
YARDSTICK: Final = """\
traffic = [10]
poll = "5s"
min_time = "80s"
max_time = "240s"
warm_up = "5s"
max_gap = "30s"
on_inconclusive = "rollback"
margins.errors.promote = {ratio = 1.5, plus = 0.01}
margins.latency.promote = {slower = 0.4, plus_ms = 3}
margins.predictions.promote = 0.1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scenario:
    """Candidates of one kind.

    Attributes:
        name: for the command line and the file of runs.
        spoken: for the page.
        policy: the canary's table in deploy.toml.
        faults: the releases' faults.toml; empty: they are like stable.
        runs: how many, in full.
        after: requests of the candidate before its fault begins.
    """

    name: str
    spoken: str
    policy: str = COMPRESSED
    faults: str = ""
    runs: int = 11
    after: int = 0


SCENARIOS: Final = (
    Scenario(name="good", spoken="like stable, another digest", runs=20),
    Scenario(name="errors", spoken="errors + 2 points", faults="errors = 0.02\n"),
    Scenario(name="latency", spoken="latency times 1.5", faults="latency_ms = 6.5\nlatency_jitter = 0.3\n"),
    Scenario(name="shift", spoken="scores moved by 0.25 sd", faults="score_shift = 0.25\n"),
    Scenario(
        name="late",
        spoken=f"late leak: errors + 5 points from its {LATE}th request on",
        faults=f"errors = 0.05\nafter_requests = {LATE}\n",
        after=LATE,
    ),
    Scenario(name="yardstick", spoken="errors + 5 points, at 10 %", policy=YARDSTICK, faults="errors = 0.05\n"),
    Scenario(name="unhurried", spoken="like stable, looked at every 5 s", policy=YARDSTICK, runs=20),
)
QUICK: Final = 2  # runs of each


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """One canary that is to be run."""

    scenario: Scenario
    number: int


def named(name: str) -> Scenario:
    """The scenario of that name.

    Raises:
        KeyError: there is none.
    """
    return {scenario.name: scenario for scenario in SCENARIOS}[name]


def chosen(only: str, runs: int | None, *, quick: bool) -> dict[str, int]:
    """How many runs of which scenarios the command line asks for."""
    wanted = [scenario for scenario in SCENARIOS if only in {"", scenario.name}]
    asked = QUICK if quick else runs
    return {scenario.name: scenario.runs if asked is None else asked for scenario in wanted}


def turns(runs: dict[str, int], done: Collection[tuple[str, int]], seed: int) -> list[Turn]:
    """What is still to be done, in rounds of one of each, so that what drifts meets all kinds alike.

    Whoever is cut off has about as many runs of every kind; `done` is left out, the others keep their places.
    """
    every = [turn for number in range(max(runs.values(), default=0)) for turn in _round(runs, number, seed)]
    return [turn for turn in every if (turn.scenario.name, turn.number) not in done]


def _round(runs: dict[str, int], number: int, seed: int) -> Iterator[Turn]:
    names = [name for name, wanted in runs.items() if number < wanted]
    random.Random(f"{seed} {number}").shuffle(names)  # noqa: S311 - an order, no secret
    for name in names:
        yield Turn(scenario=named(name), number=number)


def remaining(todo: Sequence[Turn], took: dict[str, list[float]]) -> float:
    """About how many seconds are left; a kind that wasn't run yet takes as long as the others."""
    every = [seconds for found in took.values() for seconds in found]
    mean = sum(every) / len(every) if every else 0.0
    means = {name: sum(found) / len(found) for name, found in took.items() if found}
    return sum(means.get(turn.scenario.name, mean) for turn in todo)
