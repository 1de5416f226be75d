"""What can be seen before a canary runs, and what is known of the traffic it will see."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.core.test_watch import BOUNDS, counted, tallied
from towpath.core.canary import CanaryPolicy, steps
from towpath.core.canary_outlook import outlook
from towpath.core.counters import ArmCounters
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.sight import Visible, visible
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
