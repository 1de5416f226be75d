"""The section about running canaries says what was seen, with its limits."""

import math

import pytest

from benchmarks.canary_page import detected, holds, spread, text
from benchmarks.canary_plan import COMPRESSED, SCENARIOS, TABLE, YARDSTICK
from benchmarks.canary_runs import Ran
from benchmarks.canary_twin import Simulated
from benchmarks.judge_figures import interval
from tests.benchmarks.test_canary_runs import ran

TWIN = Simulated(refused=0.99, seconds=18.0, affected=410.0)


def whole() -> list[Ran]:
    good = [ran(one.name, number, outcome="promoted") for one in SCENARIOS if not one.faults for number in range(20)]
    faults = [ran(one.name, number) for one in SCENARIOS if one.faults for number in range(one.runs)]
    return good + faults


@pytest.mark.parametrize(
    ("hits", "runs", "low", "high"), [(0, 20, 0.0, 0.168433), (1, 20, 0.001265, 0.248733), (11, 11, 0.715086, 1.0)]
)
def test_the_interval_of_a_rate_is_clopper_and_pearsons(hits: int, runs: int, low: float, high: float) -> None:
    assert interval(hits, runs) == pytest.approx((low, high), abs=2e-6)


def test_a_roll_back_before_the_fault_began_found_nothing() -> None:
    assert detected(ran(onset=5.0)) == 15.0
    assert detected(ran(onset=25.0)) == math.inf
    assert detected(ran(outcome="undecided")) == math.inf


def test_what_is_never_found_is_said_so() -> None:
    assert spread([math.inf] * 11, " s") == "never s (never to never); 8 of 10 from never to never"
    assert spread([10.0, 20.0, 30.0]).startswith("20 (")


def test_the_section_has_every_kind_and_both_policies_and_the_yardstick() -> None:
    said = text(whole(), {scenario.name: TWIN for scenario in SCENARIOS})
    assert all(scenario.spoken in said for scenario in SCENARIOS if scenario.faults)
    assert f"```toml\n{TABLE}\n{COMPRESSED}```" in said
    assert f"```toml\n{TABLE}\n{YARDSTICK}```" in said
    assert said.count("| rolled back | 0 of 20 (0.0 to 16.8 %) |") == 2
    assert "22.00 s (limit 38 s: kept)" in said
    assert "highest 0.5" in said


def test_a_few_runs_of_one_kind_make_a_section_too() -> None:
    said = text([ran()], {"errors": TWIN})
    assert "errors + 2 points | 1 |" in said


@pytest.mark.parametrize(
    "spoilt",
    [
        ran("good", outcome="rolled back"),
        ran(others=1),
        ran(outcome="broken"),
    ],
)
def test_one_good_release_rolled_back_or_one_stray_failure_breaks_the_limits(spoilt: Ran) -> None:
    assert holds(whole())
    assert not holds([*whole(), spoilt])


def test_the_yardstick_is_held_by_the_median_time() -> None:
    every = [one for one in whole() if one.scenario != "yardstick"]
    slow = [ran("yardstick", number, lived=39.0) for number in range(11)]
    assert holds([*every, *slow[:5], *(ran("yardstick", number) for number in range(6))])
    assert not holds([*every, *slow])
