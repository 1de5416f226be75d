"""What was run is simulated with its own policy, traffic and differences."""

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.canary_plan import named
from benchmarks.canary_twin import moved, requests_by, simulated, stable_traffic
from tests.benchmarks.test_canary_runs import ran
from tests.core.test_sight import seen
from tests.core.test_watch import tallied
from towpath.core.canary import CanaryPolicy, steps
from towpath.core.recording import Recording
from towpath.core.watch import Look

POLICY = CanaryPolicy(traffic=(10,), poll=2.0, min_time=16.0, max_time=150.0, warm_up=4.0)
FEW = 20


def looks() -> Recording:
    return Recording(policy=POLICY, served_since=1.0, looks=(Look(step=2, observation=seen()),))


def test_requests_of_the_candidate_add_up_over_the_steps() -> None:
    plan = steps(POLICY, 1)
    assert requests_by(plan, 0.0) == 0
    assert requests_by(plan, 8.0) == pytest.approx(80.0)
    assert requests_by(plan, 10.5) == pytest.approx(80.0 + 2.5 * 50)


def test_a_fault_that_was_there_from_the_start_is_found_soon_and_a_late_one_after_it_began() -> None:
    early = simulated(named("yardstick"), [ran("yardstick")], looks(), 1, FEW)
    late = simulated(named("late"), [ran("late", onset=20.0)], looks(), 1, FEW)
    assert early.refused > 0.9
    assert 4 < early.seconds < 40
    assert 0 < late.seconds < 40
    assert 0 < late.affected < 2000


def test_a_difference_that_is_none_is_not_found() -> None:
    none = simulated(named("latency"), [ran("latency", slower=1.0)], looks(), 1, FEW)
    assert none.refused < 0.1
    assert math.isinf(none.seconds)
    assert math.isinf(none.affected)


def test_moved_scores_are_measured_at_stables_median() -> None:
    low, high = np.repeat([0.1, 0.4], [50, 50]), np.repeat([0.1, 0.4], [30, 70])
    both = (tallied("stable", low), tallied("canary", high))
    last = Look(step=2, observation=replace(seen(), models=both))
    assert moved(replace(looks(), looks=(last,))) == pytest.approx(0.2)


def test_traffic_is_what_stables_counters_told_first() -> None:
    assert stable_traffic(looks()).rates["errors"] == pytest.approx(0.005)
