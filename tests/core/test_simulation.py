"""Canaries in numbers only."""

import random
from dataclasses import replace

import numpy as np
import pytest

from tests.core.test_sight import seen
from towpath.core.canary import CanaryPolicy, Situation, steps
from towpath.core.canary_policy import judge_policy
from towpath.core.judge import Channel, Counts, Poll, start, verdict
from towpath.core.judge.channels import Own
from towpath.core.judge.evalue import HalfPlane
from towpath.core.simulation import CANDIDATES, Candidate, _Draws, _looked, run
from towpath.core.traffic import known

POLICY = CanaryPolicy(min_time=60.0, max_time=900.0, warm_up=0.0)
PLAN = steps(POLICY, 1)
TRAFFIC = known(POLICY, 200.0, seen())


@pytest.mark.parametrize("candidate", [one for one in CANDIDATES if one.name != "1 point more errors"])
def test_each_kind_of_candidate_ends_as_it_should(candidate: Candidate) -> None:
    ended = [run(POLICY, PLAN, TRAFFIC, candidate, seed) for seed in range(3)]
    wanted = "promote" if candidate == CANDIDATES[0] else "roll back"
    assert [one.said.kind for one in ended] == [wanted] * 3
    assert all(0 < one.seconds < POLICY.max_time for one in ended)


def test_a_fault_that_begins_late_is_found_after_it_began() -> None:
    late = Candidate(name="late", errors=0.05, begins=120.0)
    ended = [run(POLICY, (replace(PLAN[0], last=True),), TRAFFIC, late, seed) for seed in range(3)]
    assert [one.said.kind for one in ended] == ["roll back"] * 3
    assert all(late.begins < one.seconds < 200.0 for one in ended)


def test_the_same_seed_gives_the_same_canary() -> None:
    assert run(POLICY, PLAN, TRAFFIC, CANDIDATES[1], 9) == run(POLICY, PLAN, TRAFFIC, CANDIDATES[1], 9)


def test_without_traffic_it_stays_undecided() -> None:
    ended = run(POLICY, PLAN, replace(TRAFFIC, requests_per_second=0.01), CANDIDATES[0], 1)
    assert (ended.said.kind, ended.seconds) == ("inconclusive", POLICY.max_time)


def test_where_nobody_asks_probes_decide_a_simulated_canary_too() -> None:
    idle = replace(TRAFFIC, requests_per_second=0.0)
    ended = [
        run(replace(POLICY, probes=30.0), PLAN, idle, candidate, 1) for candidate in (CANDIDATES[0], CANDIDATES[2])
    ]
    assert [(one.said.kind, one.said.judged_on) for one in ended] == [("promote", "probes"), ("roll back", "probes")]


def test_a_step_waits_for_as_many_requests_as_the_policy_says() -> None:
    thin = replace(TRAFFIC, requests_per_second=100.0)  # five a second for the candidate in the first step
    few, many = (run(replace(POLICY, min_requests=least), PLAN, thin, CANDIDATES[0], 2) for least in (20, 2000))
    assert few.said.kind == many.said.kind == "promote"
    assert few.seconds < 400 < many.seconds


def test_own_metrics_leave_probes_out() -> None:
    own = Channel(
        name="refunds",
        metric="refunds",
        event=Own(metric="refunds"),
        rollback=HalfPlane(r0=1.1, d=0.0),
        promote=HalfPlane(r0=2.0, d=0.0),
        lifts=(1.0,),
        stakes=(1.0,),
    )
    idle = replace(TRAFFIC, requests_per_second=0.0, channels=(own,), rates={"refunds": 0.5})
    poll = _Draws(random.Random(4), idle, CANDIDATES[0], 10.0).poll(10.0, PLAN[0], 10.0)  # noqa: S311 - no secret
    assert poll.probe == {}
    assert poll.live["refunds"] == Counts()


def test_a_look_that_counted_only_own_metrics_has_data_in_both_arms() -> None:
    counts = Counts(canary_events=1, canary_requests=5, stable_events=1, stable_requests=50)
    said = verdict(start(judge_policy(POLICY)))
    before = Situation(step=0, elapsed=0.0, step_elapsed=0.0, step_polls=0, step_requests=0, silent=0.0, verdict=said)
    now = _looked(before, Poll(elapsed=10.0, live={"refunds": counts}), 10.0, said)
    assert (now.step_polls, now.step_requests) == (1, 0)


@pytest.mark.parametrize(("n", "p"), [(10, 0.3), (1000, 0.004), (1000, 0.4), (20_000, 0.999), (5, 1.0), (7, 0.0)])
def test_drawn_events_have_the_mean_and_spread_of_a_binomial(n: int, p: float) -> None:
    draws = _Draws(random.Random(4), TRAFFIC, CANDIDATES[0])  # noqa: S311 - no secret
    found = np.array([draws._binomial(n, p) for _ in range(3000)])
    assert found.mean() == pytest.approx(n * p, abs=4 * max(1e-9, np.sqrt(n * p * (1 - p) / 3000)))
    assert found.std() == pytest.approx(np.sqrt(n * p * (1 - p)), rel=0.08, abs=1e-9)
    assert found.min() >= 0
    assert found.max() <= n


def test_events_above_a_higher_edge_are_never_more() -> None:
    poll = _Draws(random.Random(4), TRAFFIC, CANDIDATES[3]).poll(10.0, PLAN[0], 10.0)  # noqa: S311 - no secret
    slow = sorted((float(name.split()[2]), counts) for name, counts in poll.live.items() if "latency" in name)
    events = [counts.canary_events for _, counts in slow]
    assert events == sorted(events, reverse=True)
    for name, counts in poll.live.items():
        if name.startswith("p above"):
            other = poll.live[name.replace("above", "up to")]
            assert counts.canary_events + other.canary_events == counts.canary_requests
