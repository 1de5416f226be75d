"""How much load a replica of the candidate has beside one of stable, as far as so many requests tell."""

from dataclasses import replace

import pytest

from towpath.core.canary_policy import CanaryPolicy
from towpath.core.counters import ArmCounters
from towpath.core.load import Load
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.watch import Look, watched

POLICY = CanaryPolicy(poll=10.0)
LOADED = Load(stable=50, canary=50, stable_ready=3, canary_ready=1)


@pytest.mark.parametrize(
    ("canary", "stable", "ratio"),
    [
        (60_000, 500_000, 0.24),  # 60 000 on one replica, 500 000 on two
        (250_000, 500_000, 1.0),
        (500_000, 500_000, 2.0),
        (36, 50, 1.0),  # so few say nothing
        (5, 500, 0.05),
    ],
)
def test_the_load_per_ready_replica_is_compared(canary: int, stable: int, ratio: float) -> None:
    load = Load(stable=stable, canary=canary, stable_ready=2, canary_ready=1)
    assert load.ratio == pytest.approx(ratio, abs=0.02)


@pytest.mark.parametrize("unknown", ["stable", "canary", "stable_ready", "canary_ready"])
def test_where_a_load_is_unknown_there_is_no_ratio(unknown: str) -> None:
    assert replace(LOADED, **{unknown: 0}).ratio is None


def thin(place: int, *, at: float = 0.0, step: int = 0, canary_ready: int = 1) -> Look:
    """Five requests of each arm a look, and as many probes; the candidate has one replica and stable three."""
    arm = ArmCounters(requests=5 * place)
    sample = ReplicaSample(
        replica="r", timestamp=10.0 * place, stable=arm, canary=arm, probe_stable=arm, probe_canary=arm
    )
    seen = Observation(at=at or 10.0 * place, samples=(sample,), stable_ready=3, canary_ready=canary_ready)
    return Look(step=step, observation=seen)


def load_after(*looks: Look) -> Load:
    return watched(POLICY, 0.0, looks).load


def test_in_thin_traffic_the_looks_of_a_step_tell_together() -> None:
    looks = [thin(place) for place in range(1, 8)]
    assert load_after(*looks[:2]).ratio == pytest.approx(1.23, abs=0.01), "one look doesn't tell"
    assert load_after(*looks) == Load(stable=60, canary=60, stable_ready=3, canary_ready=1)
    assert (load_after(*looks).ratio or 0.0) > 2


def test_in_another_step_and_after_a_gap_it_is_counted_anew_from_the_next_whole_look_on() -> None:
    looks = [thin(place) for place in range(1, 8)]
    stepped = [thin(place, step=1) for place in range(8, 11)]
    assert load_after(*looks, stepped[0]) == Load()
    assert load_after(*looks, *stepped).canary == 20
    late = [thin(place, at=100.0 + 10.0 * place) for place in range(8, 10)]
    assert load_after(*looks, late[0]) == Load()
    assert load_after(*looks, *late).canary == 10


def unheard(look: Look) -> Look:
    return replace(look, observation=replace(look.observation, samples=()))


def stale(look: Look, of: Look) -> Look:
    """A look at which the router replica still tells what it told in another."""
    return replace(look, observation=replace(look.observation, samples=of.observation.samples))


@pytest.mark.parametrize("first", [unheard(thin(8, step=1)), stale(thin(8, step=1), thin(7))])
def test_a_look_that_spans_two_steps_because_the_one_between_was_unusable_counts_in_neither(first: Look) -> None:
    looks = [thin(place) for place in range(1, 8)]
    stepped = [thin(place, step=1) for place in range(9, 12)]
    assert load_after(*looks, first, stepped[0]) == Load()
    assert load_after(*looks, first, *stepped).canary == 20


def test_where_replicas_come_or_go_it_is_counted_anew() -> None:
    looks = [thin(place) for place in range(1, 8)]
    assert load_after(*looks, thin(8, canary_ready=2)) == Load(stable=10, canary=10, stable_ready=3, canary_ready=2)
