"""Times in the middle of a canary at which nobody looked."""

from dataclasses import dataclass, replace

import pytest

from tests.core.test_watch import POLICY, SINCE
from towpath.core.counters import ArmCounters
from towpath.core.judge import Counts
from towpath.core.load import Load
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.watch import Look, Watched, decode_look, encode_look, watched

ERRORS_ONLY = replace(POLICY, metrics=("errors",), traffic=(5, 50), max_time=7200.0)


@dataclass(kw_only=True)
class Hours:
    """Both arms' errors, an hour at a time: what they share of the traffic, and what fails, changes in between."""

    at: float = SINCE + 600.0
    stable: tuple[int, int] = (600, 600_000)  # failed, asked
    canary: tuple[int, int] = (0, 0)

    def served(self, seconds: float, canary: tuple[int, int], stable: tuple[int, int]) -> None:
        self.at += seconds
        self.canary = (self.canary[0] + canary[0], self.canary[1] + canary[1])
        self.stable = (self.stable[0] + stable[0], self.stable[1] + stable[1])

    def look(self, step: int, *, resumed: bool = False, answers: bool = True) -> Look:
        stable, canary = (ArmCounters(errors=bad, requests=every) for bad, every in (self.stable, self.canary))
        sample = ReplicaSample(replica="r", timestamp=self.at, stable=stable, canary=canary)
        seen = Observation(at=self.at, samples=(sample,) if answers else (), stable_ready=1, canary_ready=1)
        return Look(step=step, observation=seen, resumed=resumed)


def ramp(*, step: int = 5, polls: int = 5) -> tuple[Hours, list[Look]]:
    hours = Hours()
    looks = [hours.look(step)]
    for _ in range(polls):
        hours.served(10.0, (1, 100), (1, 1000))
        looks.append(hours.look(step))
    return hours, looks


def unlooked(seconds: float, *, step: int, resumed: bool = False, first_answers: bool = True) -> tuple[Watched, ...]:
    """Stable alone had all traffic, and a bad time, between the last two looks; the states before and after."""
    hours, looks = ramp()
    hours.served(seconds, (1, 100), (3000, 30_000))
    late = [] if first_answers else [hours.look(step, resumed=resumed, answers=False)]
    late.append(hours.look(step, resumed=resumed and first_answers))
    return watched(ERRORS_ONLY, SINCE, looks), watched(ERRORS_ONLY, SINCE, [*looks, *late])


@pytest.mark.parametrize(
    ("name", "seconds", "step", "resumed"),
    [
        ("a gap of more than max_gap", 301.0, 5, False),
        ("a ramp that began again", 4.0, 3, False),
        ("a shift, and then nobody looked", 21.0, 7, False),
        ("another driver", 15.0, 5, True),
    ],
)
@pytest.mark.parametrize("first_answers", [True, False])
def test_a_time_in_which_nobody_knows_the_traffic_says_nothing(
    name: str, seconds: float, step: int, *, resumed: bool, first_answers: bool
) -> None:
    before, now = unlooked(seconds, step=step, resumed=resumed, first_answers=first_answers)
    assert now.judge == before.judge, name
    assert now.previous != before.previous
    assert now.load == Load()


@pytest.mark.parametrize(("seconds", "step"), [(3.0, 7), (20.0, 7), (300.0, 5)])
def test_an_ordinary_shift_and_a_short_gap_lose_no_evidence(seconds: float, step: int) -> None:
    before, now = unlooked(seconds, step=step)
    assert before.judge is not None
    assert now.judge is not None
    assert now.judge.polls == before.judge.polls + 1


def test_what_comes_after_a_time_nobody_knows_is_compared_with_it_as_ever() -> None:
    hours, looks = ramp()
    hours.served(3600.0, (1, 100), (3000, 30_000))
    looks.append(hours.look(5))
    hours.served(10.0, (1, 100), (1, 1000))
    looks.append(decode_look(encode_look(hours.look(5))))
    judge = watched(ERRORS_ONLY, SINCE, looks).judge
    assert judge is not None
    assert judge.channels[0].seen == (
        Counts(canary_events=6, canary_requests=600, stable_events=6, stable_requests=6000),
    )


def test_that_another_driver_looked_stands_in_the_journal() -> None:
    look = Hours().look(5, resumed=True)
    assert decode_look(encode_look(look)) == look
