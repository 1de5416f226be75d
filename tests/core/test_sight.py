"""What can be seen before a canary runs, and what is known of the traffic it will see."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.core.test_watch import BOUNDS, counted, tallied
from towpath.core.canary import CanaryPolicy, steps
from towpath.core.canary_outlook import outlook
from towpath.core.canary_policy import judge_policy
from towpath.core.counters import ArmCounters
from towpath.core.margins import Margin
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.own_metrics import Exposed, OwnMetric
from towpath.core.selectors import Selector
from towpath.core.sight import Visible, visible
from towpath.core.simulation import Candidate, run
from towpath.core.traffic import FAILING, Traffic, known

POLICY = CanaryPolicy()
PLAN = steps(POLICY, 2)


def seen(answers: int = 100_000, *, predictions: bool = True) -> Observation:
    rng = np.random.default_rng(7)
    stable = replace(counted(rng.lognormal(math.log(80.0), 0.45, answers)), errors=answers // 200)
    models = (tallied("stable", rng.beta(2.0, 8.0, answers)),) if predictions else ()
    sample = ReplicaSample(replica="r", timestamp=600.0, stable=stable)
    return Observation(at=600.0, samples=(sample,), models=models)


def last(policy: CanaryPolicy, traffic: Traffic) -> Visible:
    return visible(policy, traffic, steps(policy, 2))[-1]


def test_what_a_step_can_see_gets_finer_with_every_step() -> None:
    found = visible(POLICY, known(POLICY, 100.0, None), PLAN)
    assert [one.requests for one in found] == [1000, 6000, 16000, 35000]
    errors = [one.errors for one in found if one.errors is not None]
    assert len(errors) == 4
    assert errors == sorted(errors, reverse=True)
    assert 0.001 < errors[-1] < 0.006
    assert {(one.latency, one.predictions) for one in found} == {(None, None)}


def test_a_trickle_of_traffic_sees_nothing_in_the_first_step() -> None:
    assert visible(POLICY, known(POLICY, 0.1, None), PLAN)[0].errors is None


def test_of_what_stable_did_rates_edges_and_cuts_are_known() -> None:
    traffic = known(POLICY, 100.0, seen())
    assert traffic.rates["errors"] == pytest.approx(0.005)
    assert {channel.metric for channel in traffic.channels} == {"errors", "latency", "predictions"}
    found = last(POLICY, traffic)
    assert found.latency is not None
    assert 1.05 < found.latency < 1.3
    assert found.predictions is not None
    assert 0.02 < found.predictions < 0.1


def test_requests_that_fail_together_let_less_be_seen() -> None:
    one, four = (visible(replace(POLICY, dispersion=phi), known(POLICY, 100.0, None), PLAN)[-1] for phi in (1.0, 4.0))
    assert one.errors is not None
    assert four.errors is not None
    assert four.errors > one.errors


def test_latency_is_seen_only_where_both_arms_have_the_same_load() -> None:
    found = visible(POLICY, known(POLICY, 100.0, seen()), PLAN)
    assert [one.latency is not None for one in found] == [one.step.sees_latency for one in found[:-1]] + [True]


def test_what_stable_tells_too_little_of_is_not_compared() -> None:
    assert known(POLICY, 1.0, None).rates == {"errors": FAILING}
    traffic = known(POLICY, 1.0, seen(30, predictions=False))
    assert [channel.name for channel in traffic.channels] == ["errors"]
    assert traffic.rates["errors"] == FAILING
    flawless = replace(seen(), samples=(ReplicaSample(replica="r", timestamp=1.0, stable=ArmCounters(requests=10**6)),))
    assert known(POLICY, 1.0, flawless).rates["errors"] == FAILING


def test_a_candidate_like_stable_is_let_on_by_all_that_is_judged() -> None:
    traffic = known(POLICY, 100.0, seen())
    expected = outlook(POLICY, traffic, PLAN)
    assert expected.enough
    errors = outlook(replace(POLICY, metrics=("errors",)), known(POLICY, 100.0, None), PLAN)
    assert errors.seconds <= expected.seconds
    thin = outlook(POLICY, replace(traffic, requests_per_second=0.5), PLAN)
    assert (thin.enough, thin.channel != "") == (False, True)
    assert len(BOUNDS) == 19


def test_each_channel_says_what_it_finds_and_the_smallest_stands_for_its_metric() -> None:
    found = last(POLICY, known(POLICY, 100.0, seen()))
    of = {metric: [one for one in found.channels if one.metric == metric] for metric in POLICY.metrics}
    assert {metric: len(channels) for metric, channels in of.items()} == {"errors": 1, "latency": 4, "predictions": 10}
    assert found.errors == of["errors"][0].share
    assert found.latency == min(one.slower for one in of["latency"] if one.slower is not None)
    assert found.predictions == min(one.share - one.stable for one in of["predictions"] if one.share is not None)
    assert all(one.slower is None for one in (*of["errors"], *of["predictions"]))


def clicked(rate: float) -> tuple[CanaryPolicy, Traffic]:
    """Of a metric where fewer is worse."""
    clicks = OwnMetric(
        name="clicks",
        source=Exposed(events=Selector(name="clicks"), cases=Selector(name="answers")),
        worse="fewer",
        rollback=Margin(ratio=1.1, points=0.0),
        promote=Margin(ratio=1.3, points=0.0),
    )
    policy = CanaryPolicy(metrics=("errors",), own=(clicks,))
    channels = judge_policy(policy).channels
    return policy, Traffic(requests_per_second=200.0, channels=channels, rates={"errors": 0.001, "clicks": rate})


@pytest.mark.parametrize("rate", [0.3, 0.06, 0.02])
def test_fewer_of_what_is_rare_is_seen_too(rate: float) -> None:
    found = last(*clicked(rate)).own["clicks"]
    assert found is not None
    assert 0.6 * rate < found < rate / 1.1


def test_a_step_of_fewer_looks_than_the_cap_allows_a_verdict_in_sees_nothing() -> None:
    rare = replace(POLICY, poll=60.0)
    found = visible(rare, known(rare, 10**6, None), steps(rare, 2))
    assert [one.errors is None for one in found] == [True, False, False, False]


def test_where_nothing_is_bet_against_the_candidate_nothing_is_seen() -> None:
    policy = replace(POLICY, metrics=("errors",))
    failing = replace(known(policy, 10**5, None), rates={"errors": 0.905})  # 1.1 times as many are 99.6 %
    assert last(policy, failing).errors is None


def found_by_simulation(policy: CanaryPolicy, traffic: Traffic, candidate: Candidate, by: float) -> float:
    runs = [run(policy, steps(policy, 2), traffic, candidate, seed) for seed in range(24)]
    return sum(one.said.kind == "roll back" and one.seconds <= by for one in runs) / len(runs)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_errors_that_a_step_finds_are_found_in_about_half_of_simulated_canaries(place: int) -> None:
    whole = known(POLICY, 100.0, seen())
    traffic = replace(whole, channels=whole.channels[:1])
    errors = visible(POLICY, traffic, PLAN)[place].errors or 0.0
    more = Candidate(name="more errors", errors=errors - traffic.rates["errors"])
    by = sum(step.dwell for step in PLAN[: place + 1])
    assert 0.2 < found_by_simulation(POLICY, traffic, more, by) < 0.8


@pytest.mark.parametrize("place", [1, 2])
def test_moved_predictions_that_a_step_finds_are_found_in_about_half_of_simulated_canaries(place: int) -> None:
    whole = known(POLICY, 100.0, seen())
    cut = next(one for one in whole.channels if one.metric == "predictions")
    traffic = replace(whole, channels=(whole.channels[0], cut))
    stable, by = whole.rates[cut.name], sum(step.dwell for step in PLAN[: place + 1])
    moved = (visible(POLICY, traffic, PLAN)[place].predictions or 0.0) / (4 * stable * (1 - stable))
    assert 0.2 < found_by_simulation(POLICY, traffic, Candidate(name="moved", moved=moved), by) < 0.8


def test_fewer_clicks_that_a_step_finds_are_found_in_about_half_of_simulated_canaries() -> None:
    policy, traffic = clicked(0.06)
    found, by = visible(policy, traffic, PLAN)[1].own["clicks"] or 0.0, PLAN[0].dwell + PLAN[1].dwell
    margin = 0.06 - 0.06 / 1.3
    fewer = Candidate(name="fewer", own="clicks", beyond=(0.06 - found) / margin)
    assert 0.2 < found_by_simulation(policy, traffic, fewer, by) < 0.8
