"""Canaries are run in rounds, so that whoever is cut off has about as many of every kind, and goes on from there."""

import tomllib
from itertools import pairwise

import pytest

from benchmarks.canary_plan import SCENARIOS, Turn, chosen, named, remaining, turns
from towpath.schema.canary_tables import CanaryTable

FULL = chosen("", None, quick=False)


def places(found: list[Turn]) -> list[tuple[str, int]]:
    return [(turn.scenario.name, turn.number) for turn in found]


def test_every_run_that_is_asked_for_comes_once() -> None:
    found = places(turns(FULL, (), 1))
    assert len(found) == len(set(found)) == sum(FULL.values())
    assert {name: sum(one == name for one, _ in found) for name in FULL} == FULL


def test_a_round_is_over_before_the_next_begins() -> None:
    numbers = [number for _, number in places(turns(FULL, (), 1))]
    assert all(before <= after for before, after in pairwise(numbers))


def test_what_is_done_is_left_out_and_the_rest_keeps_its_order() -> None:
    every = places(turns(FULL, (), 1))
    assert places(turns(FULL, set(every[:17]), 1)) == every[17:]


def test_rounds_of_another_seed_have_another_order() -> None:
    assert places(turns(FULL, (), 1)) != places(turns(FULL, (), 2))


def test_one_kind_and_fewer_runs_can_be_asked_for() -> None:
    assert chosen("errors", None, quick=False) == {"errors": 11}
    assert chosen("errors", 3, quick=False) == {"errors": 3}
    assert set(chosen("", None, quick=True).values()) == {2}


def test_good_releases_are_at_least_twenty_and_faults_at_least_eleven() -> None:
    assert all(count >= (11 if named(name).faults else 20) for name, count in FULL.items())


def test_time_left_goes_by_the_kinds_own_times_and_by_the_others_where_there_are_none() -> None:
    todo = turns({"errors": 2, "good": 1}, (), 1)
    assert remaining(todo, {"errors": [10.0, 20.0]}) == pytest.approx(3 * 15.0)
    assert remaining(todo, {"errors": [10.0], "good": [70.0]}) == pytest.approx(90.0)


@pytest.mark.parametrize("policy", sorted({scenario.policy for scenario in SCENARIOS}))
def test_every_policy_is_one_that_deploy_takes(policy: str) -> None:
    table = CanaryTable.model_validate(tomllib.loads(policy))
    assert table.problems() == []
    assert table.poll <= 5
