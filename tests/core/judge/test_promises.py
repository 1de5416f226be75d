"""What the judge promises at all, by writing out every outcome: no bet pays on average while the candidate is fine."""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.core.judge.traffic import counts
from towpath.core.judge import ERRORS, Breaker, Counts, JudgePolicy, JudgeState, Poll, Reference, start, step
from towpath.core.judge.alarms import evidence_against
from towpath.core.judge.evalue import HalfPlane, lifted, log_e, log_e_rare
from towpath.core.judge.mixture import log_mean

SMALL = (3, 4)  # requests of candidate and stable in one poll
POLICY = JudgePolicy(channels=(ERRORS,), poll=10.0, max_time=60.0, outage=0.3, breaker=Breaker(requests=2, polls=9))
KNOWN = Reference(seconds=600.0, live={"errors": (600, 3000)}, probe={"errors": (600, 3000)})

UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller example isn't worth minutes


def chance(n: int, x: int, rate: float) -> float:
    return math.comb(n, x) * rate**x * (1 - rate) ** (n - x)


def outcomes(size: tuple[int, int], rates: tuple[float, float]) -> list[tuple[float, Counts]]:
    """Every outcome of one poll."""
    (n_c, n_b), (c, b) = size, rates
    return [
        (chance(n_c, x_c, c) * chance(n_b, x_b, b), counts((x_c, n_c), (x_b, n_b)))
        for x_c, x_b in itertools.product(range(n_c + 1), range(n_b + 1))
    ]


def expected(
    polls: Sequence[Iterable[tuple[float, Poll]]],
    worth: Callable[[JudgeState], float],
    begun: JudgeState | None = None,
) -> float:
    """E[worth] over every path of the judge through these polls."""
    states = [(1.0, begun or start(replace(POLICY, probes=True), KNOWN))]
    for poll in polls:
        now = list(poll)
        states = [(before * likely, step(state, seen)) for before, state in states for likely, seen in now]
    return math.fsum(likely * worth(state) for likely, state in states)


def live(place: int, size: tuple[int, int], rates: tuple[float, float]) -> list[tuple[float, Poll]]:
    return [
        (likely, Poll(elapsed=10.0 * place, live={"errors": seen}, probe={"errors": Counts()}))
        for likely, seen in outcomes(size, rates)
    ]


def against(state: JudgeState) -> float:
    return math.exp(evidence_against(state)[0])


def in_favour(state: JudgeState) -> float:
    return math.exp(log_mean(state.channels[0].in_favour))


def passed(state: JudgeState) -> float:
    """Whether *promote* is decided, as far as the channel goes."""
    return float(state.channels[0].best >= -math.log(state.policy.beta))


within = st.tuples(st.floats(0.05, 0.5), st.floats(0.0, 1.0))


@settings(max_examples=12, deadline=None, phases=UNSHRUNK)
@given(st.lists(within, min_size=2, max_size=2))
def test_whatever_the_rates_within_the_margin_the_whole_mixture_does_not_pay(rates: list[tuple[float, float]]) -> None:
    """Restarts, cap, the fading past and the rule for shared faults included; rates differ from poll to poll."""
    true = [(part * ERRORS.rollback.canary_rate(b), b) for b, part in rates]
    polls = [live(place, SMALL, rate) for place, rate in enumerate(true, 1)]
    assert expected(polls, against) <= 1 + 1e-6


@settings(max_examples=12, deadline=None, phases=UNSHRUNK)
@given(st.lists(within, min_size=2, max_size=2))
def test_whatever_the_rates_beyond_the_margin_the_case_for_the_candidate_does_not_pay(
    rates: list[tuple[float, float]],
) -> None:
    worst = [(ERRORS.promote.canary_rate(b), b, part) for b, part in rates]
    true = [(c + part * (0.999 - c), b) for c, b, part in worst]
    polls = [live(place, SMALL, rate) for place, rate in enumerate(true, 1)]
    assert expected(polls, in_favour) <= 1 + 1e-6


TIGHT = JudgePolicy(channels=(replace(ERRORS, promote=HalfPlane(r0=1.5, d=0.3)),), beta=0.4, outage=1.0)
HARDLY = Reference(seconds=600.0, live={"errors": (13, 20)})
ROOMY = replace(TIGHT, channels=(ERRORS,), beta=0.2)


@settings(max_examples=12, deadline=None, phases=UNSHRUNK)
@given(
    st.sampled_from([(TIGHT, Reference(seconds=600.0, live={"errors": (2, 30)}), 0.4), (ROOMY, HARDLY, 0.66)]),
    st.floats(0.1, 1.0),
    st.floats(0.0, 1.0),
)
@example((ROOMY, HARDLY, 0.66), 1.0, 0.0)
@example((TIGHT, Reference(seconds=600.0, live={"errors": (2, 30)}), 0.4), 0.1, 0.0)
def test_whatever_the_rates_beyond_the_margin_what_is_promoted_on_seldom_comes_about(
    judged: tuple[JudgePolicy, Reference, float], part: float, further: float
) -> None:
    """The highest case at any time, on which *promote* is decided, and whatever else passes a channel."""
    policy, known, highest = judged
    b = part * highest
    bound = policy.channels[0].promote.canary_rate(b)
    polls = [live(place, (5, 5), (bound + further * (0.9999 - bound), b)) for place in (1, 2)]
    assert expected(polls, passed, start(policy, known)) <= policy.beta + 1e-6


def test_what_is_promoted_on_comes_about_where_the_candidate_is_well() -> None:
    known = Reference(seconds=600.0, live={"errors": (2, 30)})
    polls = [live(place, (5, 5), (0.05, 0.05)) for place in (1, 2)]
    assert expected(polls, passed, start(TIGHT, known)) > TIGHT.beta


def test_the_case_for_a_candidate_is_the_mean_of_all_bets_on_it() -> None:
    kept = step(start(POLICY, KNOWN), Poll(elapsed=10, live={"errors": counts((10, 100), (20, 100))})).channels[0]
    assert kept.best == log_mean(kept.in_favour)
    assert kept.best < max(kept.in_favour)


def test_two_strata_bet_on_together_do_not_pay_either() -> None:
    rates = (ERRORS.rollback.canary_rate(0.2), 0.2)
    pairs = itertools.product(outcomes((2, 3), rates), outcomes((3, 2), rates))
    both = [
        (a * b, Poll(elapsed=10.0, live={"errors": users}, probe={"errors": probes}))
        for (a, users), (b, probes) in pairs
    ]
    assert expected([both], against) <= 1 + 1e-6


def test_a_candidate_that_is_worse_does_pay() -> None:
    polls = [live(place, SMALL, (0.9, 0.2)) for place in (1, 2)]
    assert expected(polls, against) > 1.5


sizes = st.tuples(st.integers(1, 7), st.integers(1, 7))


@settings(max_examples=150, deadline=None)
@given(sizes, st.sampled_from([(1.0, 0.0), (1.1, 0.0005), (1.5, 0.02)]), st.floats(1.2, 9.0), within)
def test_the_rare_event_form_does_not_pay_within_the_margin(
    size: tuple[int, int], margin: tuple[float, float], lift: float, rates: tuple[float, float]
) -> None:
    edge = HalfPlane(r0=margin[0], d=margin[1])
    b, part = rates
    true = (part * edge.canary_rate(b), b)
    assert true[0] < 1
    paid = math.fsum(p * math.exp(log_e_rare(seen, margin[0] * lift, edge)) for p, seen in outcomes(size, true))
    assert paid <= 1 + 1e-6


@settings(max_examples=60, deadline=None)
@given(st.tuples(st.integers(1, 3), st.integers(1, 3)), st.integers(2, 4), st.floats(0.05, 0.4), st.floats(0.1, 3.0))
def test_requests_that_fail_in_clusters_do_not_pay_once_the_dispersion_says_so(
    clusters: tuple[int, int], together: int, b: float, lift: float
) -> None:
    edge = ERRORS.rollback
    guess = (lifted(edge.canary_rate(b), lift), b)
    paid = math.fsum(
        likely * math.exp(log_e(_times(seen, together), guess, edge) / together)
        for likely, seen in outcomes(clusters, (edge.canary_rate(b), b))
    )
    assert paid <= 1 + 1e-6


def _times(seen: Counts, together: int) -> Counts:
    return counts(
        (seen.canary_events * together, seen.canary_requests * together),
        (seen.stable_events * together, seen.stable_requests * together),
    )
