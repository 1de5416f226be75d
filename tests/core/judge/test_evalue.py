import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from towpath.core.judge.evalue import Counts, HalfPlane, lifted, log_e, log_e_rare, project


def counts(n_c: int, x_c: int, n_b: int, x_b: int) -> Counts:
    return Counts(canary_requests=n_c, canary_events=x_c, stable_requests=n_b, stable_events=x_b)


ERROR_EDGE = HalfPlane(r0=1.1, d=0.0005)
VECTORS = [
    (counts(50, 3, 950, 1), (0.001, math.log(4)), ERROR_EDGE, ("0.006369427", "0.001173805", "3.594706")),
    (counts(50, 0, 950, 2), (0.001, math.log(4)), ERROR_EDGE, ("0.006369427", "0.001173805", "-0.385405")),
    (counts(5000, 60, 95000, 950), (0.01, math.log(1.3)), ERROR_EDGE, ("0.014898600", "0.010162461", "-1.385211")),
    (
        counts(300, 180, 5700, 2850),
        (0.5, math.log(1.2)),
        HalfPlane(r0=1.0, d=0.02),
        ("0.565217391", "0.502265092", "2.979632"),
    ),
    (
        counts(300, 10, 5700, 57),
        (0.01, math.log(1.6)),
        HalfPlane(r0=1.137, d=0.0),
        ("0.018068735", "0.010333108", "2.475084"),
    ),
]


@pytest.mark.parametrize(("poll", "bet", "margin", "printed"), VECTORS)
def test_the_published_vectors_come_out_to_every_printed_digit(
    poll: Counts, bet: tuple[float, float], margin: HalfPlane, printed: tuple[str, str, str]
) -> None:
    b_star, lift = bet
    guess = (lifted(margin.canary_rate(b_star), lift), b_star)
    b0, log = project(poll, guess, margin), log_e(poll, guess, margin)
    assert (f"{guess[0]:.9f}", f"{b0:.9f}", f"{log:.6f}") == printed


sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))
margins = st.tuples(st.sampled_from([1.0, 1.1, 1.137, 1.5]), st.sampled_from([0.0, 0.0005, 0.01, 0.05]))
place = st.floats(0.0, 1.0)


def bisected(poll: Counts, guess: tuple[float, float], edge: HalfPlane) -> float:
    """Where the weighted divergence from the guess begins to rise along the edge, by halving."""

    def rises(b: float) -> bool:
        c = edge.canary_rate(b)
        slope_c = poll.canary_requests * edge.r0 * (c - guess[0]) * b * (1 - b)
        return slope_c + poll.stable_requests * (b - guess[1]) * c * (1 - c) >= 0

    low, high = sorted((guess[1], (guess[0] - edge.d) / edge.r0))
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if rises(middle) else (middle, high)
    return high


@settings(max_examples=300, deadline=None)
@given(
    margins,
    st.floats(1e-6, 0.5),
    st.one_of(st.floats(0.01, 3.0), st.sampled_from([-1.0, -0.5, -0.25])),
    st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
)
def test_a_projection_is_where_halving_would_find_it(
    margin: tuple[float, float], b_star: float, lift: float, size: tuple[int, int]
) -> None:
    edge = HalfPlane(r0=margin[0], d=margin[1])
    bound = edge.canary_rate(b_star)
    c_star = lifted(bound, lift) if lift > 0 else bound + lift * (bound - b_star)  # against the candidate, and for it
    if c_star <= edge.d:
        return
    poll, guess = counts(size[0], 0, size[1], 0), (c_star, b_star)
    assert project(poll, guess, edge) == pytest.approx(bisected(poll, guess, edge), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(("r0", "d", "log"), [(1.0, 0.0, "3.599835"), (1.1, 0.0005, "3.279408")])
def test_the_rare_event_form_has_its_published_values(r0: float, d: float, log: str) -> None:
    assert f"{log_e_rare(counts(50, 3, 950, 1), 4.0, HalfPlane(r0=r0, d=d)):.6f}" == log


def test_both_forms_agree_when_events_are_rare_and_the_guess_is_right() -> None:
    edge = HalfPlane(r0=1.0, d=0.0)
    poll = counts(50_000, 20, 950_000, 95)
    exact = log_e(poll, (0.0004, 0.0001), edge)
    assert log_e_rare(poll, 4.0, edge) == pytest.approx(exact, rel=0.01)


def expectation(
    size: tuple[int, int], rates: tuple[float, float], guess: tuple[float, float], edge: HalfPlane
) -> float:
    """E[e] by writing out every outcome of a small poll."""
    (n_c, n_b), (c, b) = size, rates

    def chance(n: int, x: int, rate: float) -> float:
        return math.comb(n, x) * rate**x * (1 - rate) ** (n - x)

    return math.fsum(
        chance(n_c, x_c, c) * chance(n_b, x_b, b) * math.exp(log_e(counts(n_c, x_c, n_b, x_b), guess, edge))
        for x_c, x_b in itertools.product(range(n_c + 1), range(n_b + 1))
    )


@settings(max_examples=150, deadline=None)
@given(sizes, margins, st.floats(0.02, 0.4), st.floats(0.05, 3.0), st.floats(0.001, 0.55), place)
def test_no_rates_within_the_margin_make_a_bet_against_the_candidate_pay(
    size: tuple[int, int], margin: tuple[float, float], b_star: float, lift: float, b: float, within: float
) -> None:
    edge = HalfPlane(r0=margin[0], d=margin[1])
    guess = (lifted(edge.canary_rate(b_star), lift), b_star)
    rates = (within * min(edge.canary_rate(b), 0.999), b)
    assert expectation(size, rates, guess, edge) <= 1 + 1e-6


@settings(max_examples=150, deadline=None)
@given(sizes, st.floats(0.02, 0.4), st.sampled_from([0.0, 0.25, 0.5]), st.floats(0.001, 0.55), place)
def test_no_rates_beyond_the_margin_make_a_bet_for_the_candidate_pay(
    size: tuple[int, int], b_star: float, part: float, b: float, beyond: float
) -> None:
    edge = HalfPlane(r0=1.5, d=0.002)
    bound = edge.canary_rate(b_star)
    worst = edge.canary_rate(b)
    rates = (worst + beyond * (0.999 - worst), b)
    assert expectation(size, rates, (b_star + part * (bound - b_star), b_star), edge) <= 1 + 1e-6


def test_a_bet_on_a_truly_worse_candidate_does_pay() -> None:
    edge = HalfPlane(r0=1.1, d=0.0005)
    assert expectation((7, 7), (0.5, 0.1), (0.5, 0.1), edge) > 1.2


@pytest.mark.parametrize("poll", [counts(0, 0, 900, 3), counts(50, 4, 0, 0), counts(0, 0, 0, 0)])
def test_a_poll_without_requests_in_both_arms_says_nothing(poll: Counts) -> None:
    edge = HalfPlane(r0=1.1, d=0.0005)
    assert log_e(poll, (0.01, 0.001), edge) == 0.0
    assert log_e_rare(poll, 4.0, edge) == 0.0


@pytest.mark.parametrize("events", [0, 1, 1_000_000])
def test_a_million_events_do_not_overflow(events: int) -> None:
    edge = HalfPlane(r0=1.1, d=0.0005)
    poll = counts(1_000_000, events, 19_000_000, 19_000)
    assert math.isfinite(log_e(poll, (lifted(0.0016, math.log(20)), 0.001), edge))
