import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.core.judge.traffic import LATENCY, POLL, REFERENCE, Rate, counts, fold, refused_after, slow_polls, traffic
from towpath.core.judge import (
    ERRORS,
    Counts,
    JudgePolicy,
    JudgeState,
    Poll,
    Reference,
    extend,
    start,
    step,
    verdict,
)
from towpath.core.judge.alarms import evidence_against

POLICY = JudgePolicy()
ALIKE = counts((0, 50), (1, 950))


def test_identical_candidates_are_let_live() -> None:
    rng = np.random.default_rng(20260101)
    refused = [refused_after(POLICY, traffic(rng, polls=120, rps=100, canary=0.001, stable=0.001)) for _ in range(60)]
    assert sum(after is not None for after in refused) == 0


@pytest.mark.parametrize(
    ("rps", "canary", "stable", "median"),
    [(100, 0.05, 0.001, 70), (100, 0.01, 0.001, 240), (10_000, 0.01, 0.001, 50), (10_000, 0.02, 0.01, 50)],
)
def test_more_errors_are_found_in_time(rps: float, canary: float, stable: float, median: float) -> None:
    rng = np.random.default_rng(5)
    reference = Reference(seconds=600.0, live={"errors": (round(600_000 * stable), 600_000)})
    found = [
        refused_after(POLICY, traffic(rng, polls=100, rps=rps, canary=canary, stable=stable), reference)
        for _ in range(21)
    ]
    assert all(after is not None for after in found)
    assert float(np.median([after for after in found if after is not None])) <= median


@pytest.mark.parametrize(
    ("name", "canary", "stable", "share"),
    [
        ("harmless difference", 0.0105, 0.01, 0.05),
        ("edge of the margin", 0.0115, 0.01, 0.05),
        (
            "ramp while both get worse",
            lambda s: 0.002 + s * 4e-6,
            lambda s: 0.002 + s * 4e-6,
            lambda s: 0.05 + s / 4000,
        ),
        ("diurnal errors", lambda s: 0.005 + 0.004 * math.sin(s / 60), lambda s: 0.005 + 0.004 * math.sin(s / 60), 0.1),
    ],
)
def test_what_is_no_worse_is_not_refused(name: str, canary: Rate, stable: Rate, share: Rate) -> None:
    rng = np.random.default_rng(11)
    runs = [
        refused_after(POLICY, traffic(rng, polls=60, rps=1000, canary=canary, stable=stable, share=share))
        for _ in range(20)
    ]
    assert runs == [None] * 20, name


def test_a_regression_that_begins_late_is_still_found() -> None:
    rng = np.random.default_rng(3)
    late = traffic(rng, polls=300, rps=1000, canary=lambda s: 0.01 if s > 1800 else 0.001, stable=0.001)
    after = refused_after(POLICY, late)
    assert after is not None
    assert 1800 < after <= 1800 + 150


def test_a_poll_without_requests_of_the_candidate_changes_no_evidence() -> None:
    state = fold(POLICY, [Poll(elapsed=10, live={"errors": counts((3, 50), (1, 950))})])
    after = step(state, Poll(elapsed=20, live={"errors": counts((0, 0), (1, 950))}))
    assert evidence_against(after) == pytest.approx(evidence_against(state), abs=1e-12)
    assert after.channels[0].in_favour == state.channels[0].in_favour
    assert after.polls == state.polls


@pytest.mark.parametrize("bad", ["live", "probe"])
def test_a_fault_in_one_stratum_is_found_while_the_other_is_well(bad: str) -> None:
    policy = replace(POLICY, probes=True)
    ill, well = {"errors": counts((6, 100), (1, 1000))}, {"errors": counts((0, 100), (1, 1000))}
    live, probe = (ill, well) if bad == "live" else (well, ill)
    state = fold(policy, [Poll(elapsed=POLL * n, live=live, probe=probe) for n in range(1, 13)])
    assert state.refused is not None
    assert state.refused.strata == (bad,)


def test_both_strata_together_decide_sooner_than_one() -> None:
    def polls_needed(policy: JudgePolicy, *, probe: bool) -> int:
        ill = {"errors": counts((1, 100), (1, 1000))}
        state = start(policy, REFERENCE)
        for place in range(1, 200):
            state = step(state, Poll(elapsed=POLL * place, live=ill, probe=ill if probe else {}))
            if state.refused is not None:
                return place
        return 200

    assert polls_needed(replace(POLICY, probes=True), probe=True) < polls_needed(POLICY, probe=False)


def test_a_fault_of_the_router_ends_the_judging() -> None:
    state = fold(POLICY, [Poll(elapsed=10, router_fault="the router refused an update")])
    assert verdict(state).kind == "halt"
    assert step(state, Poll(elapsed=20, live={"errors": ALIKE})) is state


def test_a_refusal_stands_whatever_comes_after() -> None:
    ill = [Poll(elapsed=POLL * n, live={"errors": counts((30, 100), (1, 900))}) for n in range(1, 9)]
    state = fold(POLICY, ill)
    well = [Poll(elapsed=100 + n, live={"errors": counts((0, 5000), (5, 5000))}) for n in range(50)]
    assert verdict(fold(POLICY, [*ill, *well])) == verdict(state)
    assert verdict(state).kind == "roll back"


def test_the_same_polls_give_the_same_state_bit_for_bit() -> None:
    polls = list(traffic(np.random.default_rng(9), polls=80, rps=50, canary=0.004, stable=0.002))
    assert fold(POLICY, polls) == fold(POLICY, polls)
    assert repr(verdict(fold(POLICY, polls))) == repr(verdict(fold(POLICY, polls)))


def test_memory_does_not_grow_with_polls() -> None:
    def numbers(state: JudgeState) -> int:
        kept = state.channels[0]
        return len(kept.against.plain) + len(kept.against.restarted) + len(kept.in_favour) + len(kept.seen)

    polls = list(traffic(np.random.default_rng(9), polls=60, rps=50, canary=0.002, stable=0.002))
    assert numbers(fold(POLICY, polls[:1])) == numbers(fold(POLICY, polls))


def test_without_a_reference_the_first_poll_only_teaches() -> None:
    first = Poll(elapsed=10, live={"errors": counts((5, 50), (1, 950))})
    state = fold(POLICY, [first], Reference())
    assert evidence_against(state)[0] == pytest.approx(0.0, abs=1e-12)
    assert state.channels[0].baseline == ((1.0, 950.0),)
    assert evidence_against(step(state, replace(first, elapsed=20)))[0] > 0


def test_a_long_reference_weighs_no_more_than_sixty_polls() -> None:
    state = start(POLICY, Reference(seconds=6000.0, live={"errors": (600, 600_000)}))
    assert state.channels[0].baseline == ((60.0, 60_000.0),)


def test_slowness_while_cold_does_not_count_but_errors_do() -> None:
    policy = replace(POLICY, metrics=("errors", "latency"), channels=(ERRORS, LATENCY))
    assert slow_polls(policy, 1.0).refused is None
    assert slow_polls(policy, 1.0, begin=300.0).refused is not None
    ill = [Poll(elapsed=POLL * n, live={"errors": counts((30, 100), (1, 900))}) for n in range(1, 9)]
    assert fold(policy, ill).refused is not None


def test_a_channel_of_good_events_is_turned_round() -> None:
    good = replace(ERRORS, more_is="better")
    polls = [Poll(elapsed=POLL * n, live={"errors": counts((95, 100), (999, 1000))}) for n in range(1, 21)]
    policy = replace(POLICY, channels=(good,))
    state = fold(policy, polls, Reference(seconds=600.0, live={"errors": (59_940, 60_000)}))
    assert state.refused is not None


def test_alpha_is_shared_by_the_metrics() -> None:
    one, two = POLICY, replace(POLICY, metrics=("errors", "latency"), channels=(ERRORS, LATENCY))
    assert verdict(start(two)).bound == pytest.approx(verdict(start(one)).bound + math.log(2))


BOTH = replace(POLICY, metrics=("errors", "latency"))


def test_a_metric_may_begin_later_and_has_its_part_of_alpha_from_the_start() -> None:
    late = start(BOTH, REFERENCE)
    assert verdict(late).bound == pytest.approx(verdict(start(POLICY)).bound + math.log(2))
    late = extend(
        late, (replace(LATENCY, waits_for_warm_up=False),), Reference(seconds=600.0, live={"slow": (6000, 60_000)})
    )
    slow = {"slow": Counts(canary_events=60, canary_requests=100, stable_events=100, stable_requests=1000)}
    for place in range(1, 11):
        late = step(late, Poll(elapsed=POLL * place, live=slow, load_ratio=1.0))
    assert late.refused is not None
    assert late.refused.channel == "slow"


def test_what_is_awaited_is_said_and_nothing_is_promoted_before_it_came() -> None:
    calm = [Poll(elapsed=POLL * n, live={"errors": counts((0, 500), (9, 9500))}) for n in range(1, 80)]
    waiting = fold(BOTH, [replace(poll, awaited=("latency: too few",)) for poll in calm])
    assert (verdict(waiting).kind, verdict(waiting).reason) == ("hold", "latency: too few")


def test_a_channel_that_vanishes_holds_even_after_it_had_passed() -> None:
    policy = replace(BOTH, channels=(ERRORS, replace(LATENCY, waits_for_warm_up=False)))
    good = {
        "errors": counts((0, 500), (0, 9500)),
        "slow": Counts(canary_events=50, canary_requests=500, stable_events=950, stable_requests=9500),
    }
    polls = [Poll(elapsed=POLL * n, live=good, load_ratio=1.0) for n in range(1, 80)]
    assert verdict(fold(policy, polls)).kind == "promote"
    gone = [Poll(elapsed=800 + POLL * n, live={"errors": good["errors"]}, load_ratio=1.0) for n in range(4)]
    assert verdict(fold(policy, [*polls, *gone])).reason == "slow isn't counted any more"


def test_a_channel_that_vanishes_for_users_is_missed_though_probes_count_it_at_zero() -> None:
    policy = replace(BOTH, probes=True, channels=(ERRORS, replace(LATENCY, waits_for_warm_up=False)))
    good = {
        "errors": counts((0, 500), (0, 9500)),
        "slow": Counts(canary_events=50, canary_requests=500, stable_events=950, stable_requests=9500),
    }
    idle = {"errors": Counts(), "slow": Counts()}
    polls = [Poll(elapsed=POLL * n, live=good, probe=idle, load_ratio=1.0) for n in range(1, 80)]
    assert verdict(fold(policy, polls)).kind == "promote"
    night = [Poll(elapsed=800 + POLL * n, live=idle, probe=idle) for n in range(9)]
    assert verdict(fold(policy, [*polls, *night])).kind == "promote", "what nobody uses has not vanished"
    gone = [Poll(elapsed=800 + POLL * n, live={"errors": good["errors"]}, probe=idle) for n in range(4)]
    assert verdict(fold(policy, [*polls, *gone])).reason == "slow isn't counted any more"


def bets_against(state: JudgeState) -> tuple[float, ...]:
    return state.channels[0].against.plain


def bets_in_favour(state: JudgeState) -> tuple[float, ...]:
    return state.channels[0].in_favour


@pytest.mark.parametrize("bets", [bets_against, bets_in_favour])
def test_a_bet_knows_nothing_of_the_poll_it_is_paid_by(bets: Callable[[JudgeState], tuple[float, ...]]) -> None:
    """Evidence is linear in the counts of a poll as long as guesses and their projection come from earlier ones."""
    state = fold(replace(POLICY, cap=math.inf), [Poll(elapsed=10, live={"errors": counts((0, 50), (1, 950))})])
    paid = [
        bets(step(state, Poll(elapsed=20, live={"errors": counts((0, 50), (bad, 950))})))[0] for bad in (0, 1, 2, 50)
    ]
    assert paid[2] - paid[1] == pytest.approx(paid[1] - paid[0])
    assert paid[3] - paid[0] == pytest.approx(50 * (paid[1] - paid[0]))


def test_events_in_clusters_weaken_both_cases() -> None:
    polls = [Poll(elapsed=POLL * n, live={"errors": counts((1, 500), (9, 9500))}) for n in range(1, 20)]
    plain, clustered = (fold(replace(POLICY, dispersion=phi), polls) for phi in (1.0, 4.0))
    quarter = [pytest.approx(gain / 4) for gain in plain.channels[0].in_favour]
    assert list(clustered.channels[0].in_favour) == quarter
    assert clustered.channels[0].best < plain.channels[0].best


def test_what_stable_did_thirty_polls_ago_counts_half() -> None:
    quiet = [Poll(elapsed=POLL * n, live={"errors": counts((0, 0), (0, 1))}) for n in range(1, 31)]
    events, _ = fold(POLICY, quiet, Reference(seconds=600.0, live={"errors": (600, 60_000)})).channels[0].baseline[0]
    assert events == pytest.approx(300.0)


@pytest.mark.parametrize(("elapsed", "counts_now"), [(299.9, False), (300.0, True)])
def test_the_warm_up_ends_with_the_poll_at_which_it_is_over(elapsed: float, *, counts_now: bool) -> None:
    policy = replace(POLICY, metrics=("latency",), channels=(LATENCY,), warm_up=300.0)
    seen = {"slow": counts((10, 100), (100, 1000))}
    known = Reference(seconds=600.0, live={"slow": (6000, 60_000)})
    state = fold(policy, [Poll(elapsed=elapsed, live=seen, load_ratio=1.0)], known).channels[0]
    assert (any(state.in_favour), state.against.polls) == (counts_now, int(counts_now))


def test_channels_of_a_metric_without_alpha_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="latency"):
        replace(POLICY, channels=(ERRORS, LATENCY))
