"""Days that are rough by chance: bursts, stalls and ramps hit candidates that are no worse than stable.

Fixed seeds. Each bound is far from what the judge does without what protects it, which the last test shows.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from tests.core.judge.traffic import POLL, counts, refused_after
from towpath.core.judge import ERRORS, Channel, JudgePolicy, Poll, Reference
from towpath.core.judge.evalue import HalfPlane

Rng = np.random.Generator
Day = Callable[[Rng], Iterator[Poll]]

RUNS = 36
POLLS = 90
SLOW: Channel = replace(
    ERRORS,
    name="slow",
    metric="latency",
    rollback=HalfPlane(r0=1.14, d=0.0),
    promote=HalfPlane(r0=1.6, d=0.0),
    lifts=tuple(math.log(factor) for factor in (1.15, 1.3, 1.6, 2.2, 4)),
    stakes=(1.0,) * 5,
    waits_for_warm_up=False,
    is_failure=False,
)
ERROR_POLICY = JudgePolicy()
SLOW_POLICY = JudgePolicy(metrics=("latency",), channels=(SLOW,))
PAST = Reference(seconds=600.0, live={"errors": (300, 60_000), "slow": (3000, 60_000)})


def in_bursts(rng: Rng, requests: int, rate: float) -> int:
    """Events of clients that fail again and again: four in a row on average, twenty at most."""
    bursts = rng.poisson(requests * rate / 3.85)
    return min(requests, int(np.minimum(rng.geometric(1 / 4, bursts), 20).sum()))


def bursts_from_one_client(rng: Rng, worse: float = 1.0) -> Iterator[Poll]:
    """100 requests a second, of which the candidate gets 5 %; half a percent fails, in bursts."""
    for place in range(1, POLLS + 1):
        n_c, n_b = int(rng.poisson(5 * POLL)), int(rng.poisson(95 * POLL))
        seen = counts((in_bursts(rng, n_c, 0.005 * worse), n_c), (in_bursts(rng, n_b, 0.005), n_b))
        yield Poll(elapsed=place * POLL, live={"errors": seen})


def stalling_replica(rng: Rng) -> Iterator[Poll]:
    """Each of 20 replicas stalls six times an hour for about five seconds; the candidate has one of them."""
    for place in range(1, POLLS + 1):
        n_c, n_b = int(rng.poisson(5 * POLL)), int(rng.poisson(95 * POLL))
        slow_c, slow_b = (_slow_share(rng, replicas) for replicas in (1, 19))
        seen = counts((int(rng.binomial(n_c, slow_c)), n_c), (int(rng.binomial(n_b, slow_b)), n_b))
        yield Poll(elapsed=place * POLL, live={"slow": seen})


def _slow_share(rng: Rng, replicas: int) -> float:
    stalled = np.minimum(rng.exponential(5.0, rng.poisson(6 / 360 * replicas)), POLL).sum() / (POLL * replicas)
    return float(0.05 + stalled * 0.55)


def ramp_under_growing_load(rng: Rng) -> Iterator[Poll]:
    """The candidate's share grows while load wanders and both arms get slower and fail more, alike."""
    load = 0.0
    for place in range(1, POLLS + 1):
        load = 0.95 * load + rng.normal(0, 0.1)
        now = place / POLLS
        rps, share = 200 * math.exp(load), 0.05 + 0.45 * now
        n_c, n_b = int(rng.poisson(rps * share * POLL)), int(rng.poisson(rps * (1 - share) * POLL))
        failing, slow = 0.005 * (1 + 2 * now), min(0.9, 0.05 * math.exp(load) * (1 + 3 * now))
        yield Poll(
            elapsed=place * POLL,
            live={
                "errors": counts((int(rng.binomial(n_c, failing)), n_c), (int(rng.binomial(n_b, failing)), n_b)),
                "slow": counts((int(rng.binomial(n_c, slow)), n_c), (int(rng.binomial(n_b, slow)), n_b)),
            },
            load_ratio=1.0,
        )


def refused(policy: JudgePolicy, day: Day, runs: int = RUNS) -> int:
    return sum(refused_after(policy, day(np.random.default_rng(seed)), PAST) is not None for seed in range(runs))


BOTH = JudgePolicy(metrics=("errors", "latency"), channels=(ERRORS, SLOW))
DAYS = [
    (ERROR_POLICY, bursts_from_one_client, 2),
    (SLOW_POLICY, stalling_replica, 3),
    (BOTH, ramp_under_growing_load, 0),
]


@pytest.mark.parametrize(("policy", "day", "most"), DAYS, ids=lambda one: getattr(one, "__name__", ""))
def test_a_rough_day_rolls_back_hardly_any_candidate_that_is_no_worse(policy: JudgePolicy, day: Day, most: int) -> None:
    assert refused(policy, day) <= most


def test_a_rough_day_does_not_hide_a_candidate_that_is_worse() -> None:
    assert refused(ERROR_POLICY, lambda rng: bursts_from_one_client(rng, worse=6.0), runs=20) >= 19


@pytest.mark.parametrize(("policy", "day"), [(policy, day) for policy, day, most in DAYS if most])
def test_without_the_cap_rough_days_roll_back_most_candidates(policy: JudgePolicy, day: Day) -> None:
    """What the bounds above would see if the cap were lost."""
    assert refused(replace(policy, cap=1e12), day, runs=20) >= 10
