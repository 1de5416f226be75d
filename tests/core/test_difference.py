"""Intervals of differences: against published figures, against scipy, and against chance."""

import math

import numpy as np
import pytest
from scipy import stats

from towpath.core.difference import Difference, Moments, Share, moments, of_means, of_shares, within_steps


def share(events: int, cases: int) -> Share:
    return Share(events=events, cases=cases)


@pytest.mark.parametrize(("events", "cases"), [(0, 10), (1, 29), (15, 148), (81, 263), (10, 10)])
def test_the_interval_of_a_share_is_wilsons(events: int, cases: int) -> None:
    expected = stats.binomtest(events, cases).proportion_ci(method="wilson")
    assert share(events, cases).interval() == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_without_cases_every_share_is_possible() -> None:
    assert Share().interval() == (0.0, 1.0)


@pytest.mark.parametrize(
    ("canary", "stable", "low", "high"),
    # table II of Newcombe's article, method 10
    [
        (share(56, 70), share(48, 80), 0.0524, 0.3339),
        (share(9, 10), share(3, 10), 0.1705, 0.8090),
        (share(10, 10), share(0, 20), 0.6791, 1.0000),
        (share(0, 10), share(0, 20), -0.1611, 0.2775),
    ],
)
def test_the_difference_of_shares_is_newcombes(canary: Share, stable: Share, low: float, high: float) -> None:
    found = of_shares(stable, canary)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_one_step_is_compared_like_plain_shares() -> None:
    one = share(10, 400), share(9, 100)
    assert within_steps([one]) == of_shares(*one)
    assert within_steps([one, (share(3, 10), Share())]) == of_shares(*one)


def test_steps_in_which_one_arm_had_nothing_are_no_comparison() -> None:
    assert within_steps([]) is None
    assert within_steps([(share(1, 10), Share()), (Share(), share(1, 10))]) is None


def test_a_bad_hour_is_not_taken_for_a_bad_release() -> None:
    calm, bad = (share(10, 1000), share(1, 100)), (share(50, 500), share(50, 500))
    pooled = of_shares(calm[0] + bad[0], calm[1] + bad[1])

    found = within_steps([calm, bad])

    assert pooled.sure
    assert found is not None
    assert found.value == pytest.approx(0.0)
    assert not found.sure


def test_the_interval_within_steps_misses_the_truth_no_more_often_than_said() -> None:
    rng, missed = np.random.default_rng(5), 0
    for _ in range(2000):
        steps = [
            (share(int(rng.binomial(n, rate)), n), share(int(rng.binomial(m, rate + 0.02)), m))
            for n, m, rate in ((900, 60, 0.01), (700, 250, 0.05), (500, 500, 0.02))
        ]
        found = within_steps(steps)
        assert found is not None
        missed += not found.low <= 0.02 <= found.high
    assert 40 <= missed <= 130  # of 100 that are allowed


@pytest.mark.parametrize("miss", [0.05, 1e-3, 1e-5])
@pytest.mark.parametrize(("n", "m"), [(50, 50), (60, 4000), (5000, 5000)])
def test_the_difference_of_means_is_welchs(n: int, m: int, miss: float) -> None:
    rng = np.random.default_rng(n + m)
    old, new = rng.normal(3, 1, n), rng.normal(3.2, 2, m)
    expected = stats.ttest_ind(new, old, equal_var=False).confidence_interval(1 - miss)

    found = of_means(moments(list(old)), moments(list(new)), miss)

    width = expected.high - expected.low
    assert found.value == pytest.approx(new.mean() - old.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=width * 1e-4)


def test_means_of_what_never_varies_differ_exactly() -> None:
    one = Moments(count=50, mean=1.0)
    assert of_means(one, Moments(count=50, mean=1.5)) == Difference(value=0.5, low=0.5, high=0.5)


@pytest.mark.parametrize(
    ("low", "high", "least"), [(-0.1, 0.2, 0.0), (0.1, 0.2, 0.1), (-0.3, -0.2, 0.2), (0.0, 0.2, 0.0)]
)
def test_arms_are_apart_at_least_as_far_as_the_nearer_end(low: float, high: float, least: float) -> None:
    found = Difference(value=(low + high) / 2, low=low, high=high)
    assert math.isclose(found.least, least)
    assert found.sure == (least > 0)
