"""What the benchmark says of many canaries is what was seen, with bounds that mean what they say."""

import math

import numpy as np
import pytest

from benchmarks.judge_figures import Hours, Limit, between, hold, quantile, upper

NEVER = np.zeros(300, np.int64)


@pytest.mark.parametrize(
    ("hits", "runs", "bound"), [(0, 300, 0.009936), (0, 2000, 0.001497), (3, 200, 0.038310), (200, 200, 1.0)]
)
def test_the_bound_of_a_rate_is_clopper_and_pearsons(hits: int, runs: int, bound: float) -> None:
    assert upper(hits, runs) == pytest.approx(bound, abs=2e-6)


def test_a_median_lies_between_its_order_statistics_in_about_95_of_100_samples() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(1000):
        low, high = between(rng.exponential(1.0, 101), 0.5)
        inside += low <= math.log(2) <= high
    assert 940 <= inside <= 985


def test_who_is_never_found_counts_in_the_median() -> None:
    assert quantile(np.array([10.0, math.inf, math.inf]), 0.5) == math.inf
    assert quantile(np.array([10.0, 20.0, math.inf]), 0.5) == 20.0


def test_a_refusal_before_the_regression_found_nothing() -> None:
    hours = Hours(refused=np.array([5, 200, 0]), promoted=np.zeros(3, np.int64), onset=1800.0)
    assert hours.detected().tolist() == [math.inf, 200.0, math.inf]


def test_a_promotion_counts_only_before_a_refusal() -> None:
    hours = Hours(refused=np.array([0, 70, 50]), promoted=np.array([60, 60, 60]))
    assert hours.promoted_after().tolist() == [600.0, 600.0, math.inf]


@pytest.mark.parametrize(
    ("limit", "kept"),
    [
        (Limit(kind="refused", at_most=1.0), True),
        (Limit(kind="refused", at_most=1.0, end="upper"), True),
        (Limit(kind="refused", at_most=0.9, end="upper"), False),
        (Limit(kind="missed", at_most=99.0), False),
        (Limit(kind="missed", at_most=None), True),
        (Limit(kind="detected", at_most=3600.0), False),
    ],
)
def test_a_limit_is_held_against_the_end_it_names(limit: Limit, *, kept: bool) -> None:
    assert hold(limit, Hours(refused=NEVER, promoted=NEVER)).kept == kept


@pytest.mark.parametrize(("promoted", "kept"), [(20, True), (35, False)])
def test_five_percent_within_chance_allow_what_chance_explains(promoted: int, *, kept: bool) -> None:
    hours = Hours(refused=NEVER, promoted=np.where(np.arange(300) < promoted, 60, 0))
    assert hold(Limit(kind="promoted", at_most=5.0, end="lower"), hours).kept == kept
