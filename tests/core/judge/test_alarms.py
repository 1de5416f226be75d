"""The breaker, and faults that both arms share."""

from dataclasses import replace

from tests.core.judge.test_fold import POLICY
from tests.core.judge.traffic import POLL, counts, fold
from towpath.core.judge import (
    Poll,
    step,
    verdict,
)


def test_the_breaker_needs_two_polls_in_a_row_and_enough_requests() -> None:
    broken = Poll(elapsed=10, live={"errors": counts((15, 25), (1, 475))})
    thin = Poll(elapsed=20, live={"errors": counts((15, 19), (1, 475))})
    patient = replace(POLICY, alpha=1e-12)
    assert fold(patient, [broken]).refused is None
    assert fold(patient, [broken, thin, broken]).refused is None
    state = fold(patient, [broken, broken])
    assert state.refused is not None
    assert state.refused.breaker
    assert "at least 50% of its requests fail" in verdict(state).reason


HOLDBACK = {"outage": counts((18, 30), (1, 2)), "broken": counts((18, 30), (0, 2)), "well": counts((0, 30), (0, 2))}


def holding_back(*kinds: str) -> list[Poll]:
    return [Poll(elapsed=POLL * n, live={"errors": HOLDBACK[kind]}) for n, kind in enumerate(kinds, start=1)]


def test_a_lucky_request_beside_a_small_holdback_lets_the_breaker_blame_nobody() -> None:
    """Per poll stable answers two requests at most, and in an outage both of them may succeed or none may come."""
    silent = Poll(elapsed=POLL, live={"errors": counts((18, 30), (0, 0))})
    patient = replace(POLICY, alpha=1e-12)
    lucky = holding_back("broken", "broken", *["outage"] * 20, "broken", "broken")
    assert fold(patient, lucky).refused is None
    assert fold(patient, [replace(silent, elapsed=POLL * n) for n in range(1, 9)]).refused is None


def test_the_breaker_refuses_beside_a_small_holdback_once_it_has_answered_enough() -> None:
    patient = replace(POLICY, alpha=1e-12)
    assert fold(patient, holding_back(*["broken"] * 9)).refused is None
    state = fold(patient, holding_back(*["broken"] * 10))
    assert state.refused is not None
    assert state.refused.breaker
    assert fold(patient, holding_back(*["broken"] * 9, "well", "broken", "broken")).refused is None, "a run was over"


def test_an_outage_is_seen_over_a_run_of_polls_beside_a_small_holdback() -> None:
    assert not any(fold(POLICY, holding_back(*["outage"] * 9)).unsettled)
    out = fold(POLICY, holding_back(*["outage"] * 10))
    assert verdict(out).reason.startswith("both arms fail together")
    assert verdict(out).kind == "hold"
    mended = holding_back(*["outage"] * 40, *["broken"] * 30)
    assert fold(POLICY, mended).refused is not None, "an outage that is over for stable is forgotten"


def test_a_long_run_of_failures_keeps_no_more_than_a_short_one() -> None:
    kept = fold(POLICY, holding_back(*["outage"] * 500)).failures[0]
    assert kept.stable_requests <= 2 * POLICY.breaker.requests + 2


def test_what_fails_alike_for_probes_hides_nothing_that_fails_for_users() -> None:
    policy = replace(POLICY, probes=True)
    rows = {"errors": counts((15, 50), (15, 50))}
    users = {"errors": counts((20, 100), (1, 1000))}
    state = fold(policy, [Poll(elapsed=POLL * n, live=users, probe=rows) for n in range(1, 9)])
    assert state.refused is not None
    assert state.refused.strata == ("live",)


def test_promotion_waits_while_probes_fail_alike_and_says_that_it_is_probes() -> None:
    policy = replace(POLICY, probes=True)
    rows = {"errors": counts((15, 50), (15, 50))}
    well = {"errors": counts((0, 500), (9, 9500))}
    state = fold(policy, [Poll(elapsed=POLL * n, live=well, probe=rows) for n in range(1, 80)])
    assert (verdict(state).kind, verdict(state).reason) == (
        "hold",
        "both arms fail together, so the fault is not the candidate's alone (probes)",
    )


def test_both_arms_failing_together_hold() -> None:
    outage = Poll(elapsed=0, live={"errors": counts((400, 500), (5700, 9500))})
    calm = [Poll(elapsed=POLL * n, live={"errors": counts((0, 500), (9, 9500))}) for n in range(1, 80)]
    state = fold(POLICY, [*calm, *(replace(outage, elapsed=800 + POLL * n) for n in range(30))])
    assert state.refused is None
    assert verdict(state).kind == "hold"
    assert verdict(state).reason.startswith("both arms fail together")
    for place in range(1, POLICY.min_polls):
        state = step(state, replace(calm[0], elapsed=1200 + POLL * place))
        assert verdict(state).kind == "hold"
    assert verdict(step(state, replace(calm[0], elapsed=1300))).kind == "promote"


def test_a_candidate_that_mends_a_broken_stable_is_promoted() -> None:
    mends = [Poll(elapsed=POLL * n, live={"errors": counts((1, 500), (1900, 9500))}) for n in range(1, 70)]
    assert verdict(fold(POLICY, mends)).kind == "promote"
