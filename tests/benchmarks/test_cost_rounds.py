"""What a variant costs beyond another doesn't depend on which was measured first."""

import math
from collections import Counter

import numpy as np
import pytest

from benchmarks.cost_rounds import beyond, mean, measured, order

NAMES = ("a", "b", "c")


@pytest.mark.parametrize("block", range(4))
def test_a_block_has_every_variant_forwards_and_backwards(block: int) -> None:
    found = order(NAMES, block)
    assert found == found[::-1]
    assert Counter(found) == dict.fromkeys(NAMES, 2)
    assert found[0] == NAMES[block % 3]


def test_a_steady_drift_costs_no_variant_more() -> None:
    ticks = iter(range(1000))
    found = list(measured(NAMES, 6, lambda _: 100.0 + next(ticks)))
    assert beyond(found, "a", "b").percent == pytest.approx(0.0, abs=1e-9)
    assert mean(found, "a") == pytest.approx(mean(found, "c"))


def test_a_real_difference_lies_in_its_interval() -> None:
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(400):
        pairs = [{"a": 104.0 * rng.lognormal(0, 0.02), "b": 100.0 * rng.lognormal(0, 0.02)} for _ in range(6)]
        found = beyond(pairs, "a", "b")
        inside += found.low <= 4.0 <= found.high
    assert 365 <= inside <= 395


def test_the_limit_is_held_against_what_was_measured() -> None:
    assert beyond([{"a": 104.9, "b": 100.0}] * 3, "a", "b").kept
    assert not beyond([{"a": 105.1, "b": 100.0}] * 3, "a", "b").kept


def test_one_pair_alone_has_an_endless_interval() -> None:
    assert math.isinf(beyond([{"a": 1.0, "b": 1.0}], "a", "b").high)
