"""Distances between samples of a feature: what chance alone adds to them, by simulation with a fixed seed."""

import math

import numpy as np
import pytest

from towpath.core.drift import Rows, ks, ks_by_chance, psi, psi_bias, psi_by_chance

DECILES = np.full(10, 0.1)
RARE = np.array([0.97, 0.01, 0.01, 0.005, 0.005])
RUNS = 4000


def draws(seed: int, n: int, shares: np.ndarray, runs: int = RUNS) -> list[Rows]:
    rng = np.random.default_rng(seed)
    return [Rows(counts=tuple(map(int, counts))) for counts in rng.multinomial(n, shares, runs)]


def moved(sd: float) -> np.ndarray:
    """Shares of a normal feature between its deciles, after it moved."""
    upto = [0.0, *(0.5 * math.erfc((sd - cut) / math.sqrt(2)) for cut in NORMAL), 1.0]
    return np.diff(upto)


NORMAL = (-1.281552, -0.841621, -0.524401, -0.253347, 0.0, 0.253347, 0.524401, 0.841621, 1.281552)


def test_psi_of_equal_shares_is_nought_and_of_a_standard_deviation_about_one() -> None:
    many = Rows(counts=(10**6,) * 10)
    assert psi(many, many) == 0
    assert psi(Rows(counts=tuple(int(10**7 * share) for share in moved(1.0))), many) == pytest.approx(0.926, abs=0.001)
    assert psi(Rows(counts=(1, 2)), Rows(counts=(7, 3))) == pytest.approx(0.3906, abs=0.0001)
    assert psi(Rows(counts=(7, 3)), Rows(counts=(1, 2))) == pytest.approx(0.3906, abs=0.0001)


def test_a_bin_that_is_empty_in_one_sample_is_not_infinitely_far_off() -> None:
    assert psi(Rows(counts=(0, 100)), Rows(counts=(50, 50))) < 5


@pytest.mark.parametrize(("n", "m"), [(100, 400), (1000, 400), (1000, 10**6)])
def test_without_a_shift_psi_is_its_bias_on_average(n: int, m: int) -> None:
    pairs = list(zip(draws(1, n, DECILES), draws(2, m, DECILES), strict=True))
    mean = sum(psi(*pair) for pair in pairs) / RUNS
    assert mean == pytest.approx(psi_bias(*pairs[0]), rel=0.1)


@pytest.mark.parametrize(("n", "m"), [(30, 400), (100, 400), (1000, 400), (1000, 10**6)])
@pytest.mark.parametrize("shares", [DECILES, RARE], ids=["deciles", "rare"])
def test_without_a_shift_even_a_margin_of_nearly_nought_is_passed_as_rarely_as_is_said(
    n: int, m: int, shares: np.ndarray
) -> None:
    pairs = list(zip(draws(3, n, shares), draws(4, m, shares), strict=True))
    passed = sum(psi(*pair) > psi_by_chance(0.005, *pair, 0.01) for pair in pairs)
    assert passed <= 0.01 * RUNS + 3 * math.sqrt(0.01 * RUNS)


def test_a_shift_of_just_the_margin_passes_as_rarely_as_is_said() -> None:
    just = moved(0.457)  # a PSI of 0.2
    pairs = list(zip(draws(5, 1000, just), draws(6, 10**6, DECILES), strict=True))
    passed = sum(psi(*pair) > psi_by_chance(0.2, *pair, 0.01) for pair in pairs)
    assert 0.002 * RUNS < passed <= 0.01 * RUNS + 3 * math.sqrt(0.01 * RUNS)


def test_a_shift_by_a_standard_deviation_passes_with_five_hundred_requests_and_four_hundred_training_rows() -> None:
    pairs = list(zip(draws(7, 500, moved(1.0), 500), draws(8, 400, DECILES, 500), strict=True))
    assert sum(psi(*pair) > psi_by_chance(0.2, *pair, 1e-7) for pair in pairs) > 0.95 * 500


def test_held_against_ten_training_rows_or_none_even_a_standard_deviation_may_be_chance() -> None:
    now, few = Rows(counts=tuple(int(10**7 * share) for share in moved(1.0))), Rows(counts=(1,) * 10)
    assert psi(now, few) < psi_by_chance(0.2, now, few, 1e-7)
    assert psi_by_chance(0.2, now, Rows(counts=(0,) * 10), 1e-7) == math.inf


def test_rows_that_come_a_hundred_to_a_request_weigh_no_more_than_the_requests() -> None:
    one, rest = Rows(counts=(10, 20, 30)), Rows(counts=(500, 500, 500))
    hundred = Rows(counts=(1000, 2000, 3000), weight=0.01)
    assert psi(hundred, rest) == pytest.approx(psi(one, rest))
    assert psi_by_chance(0.2, hundred, rest, 0.01) == pytest.approx(psi_by_chance(0.2, one, rest, 0.01))


def test_ks_at_common_cuts_is_the_greatest_distance_of_the_shares_up_to_them() -> None:
    assert ks((1, 2), Rows(counts=(10, 20, 70)), (1, 2), Rows(counts=(30, 20, 50))) == pytest.approx(0.2)
    assert ks((1, 2), Rows(counts=(30, 20, 50)), (1, 2), Rows(counts=(10, 20, 70))) == pytest.approx(0.2)


def test_ks_at_other_cuts_is_only_what_is_sure() -> None:
    """Up to 1.5 the first has between 10 and 30 of 100, the other has 60."""
    one = Rows(counts=(10, 20, 70))
    assert ks((1, 2), one, (1.5,), Rows(counts=(60, 40))) == pytest.approx(0.3)
    assert ks((1, 2), one, (1.5,), Rows(counts=(20, 80))) == 0
    assert ks((1, 2), one, (0.5,), Rows(counts=(0, 100))) == 0


def test_ks_never_passes_while_psi_is_within_the_margin() -> None:
    """The worst that a PSI of 0.2 can do to the distance is less than what has to be passed."""
    rng = np.random.default_rng(9)
    for _ in range(2000):
        one, other = (Rows(counts=tuple(map(int, 10**9 * rng.dirichlet(np.ones(4))))) for _ in range(2))
        within = psi(one, other)
        assert ks((1, 2, 3), one, (1, 2, 3), other) <= ks_by_chance(within, one, other, 0.01)


def test_without_a_shift_ks_at_other_cuts_is_passed_as_rarely_as_is_said() -> None:
    rng = np.random.default_rng(10)
    mine, yours = NORMAL, tuple(cut + 0.1 for cut in NORMAL)
    passed = 0
    for _ in range(1000):
        one, other = (
            Rows(counts=tuple(map(int, np.bincount(np.searchsorted(cuts, rng.normal(size=300)), minlength=10))))
            for cuts in (mine, yours)
        )
        passed += ks(mine, one, yours, other) > ks_by_chance(1e-9, one, other, 0.01)
    assert passed <= 0.01 * 1000 + 3 * math.sqrt(0.01 * 1000)
