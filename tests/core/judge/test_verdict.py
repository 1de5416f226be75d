from dataclasses import replace

import numpy as np
import pytest

from tests.core.judge.traffic import LATENCY, POLL, counts, fold, traffic
from towpath.core.judge import ERRORS, Breaker, Channel, JudgePolicy, Poll, Reference, start, verdict
from towpath.core.judge.channels import Own
from towpath.core.judge.evalue import HalfPlane

POLICY = JudgePolicy()


def healthy(polls: int) -> list[Poll]:
    return [Poll(elapsed=POLL * n, live={"errors": counts((0, 50), (1, 950))}) for n in range(1, polls + 1)]


def test_nothing_seen_holds_and_is_never_a_pass() -> None:
    said = verdict(start(POLICY))
    assert (said.kind, said.reason) == ("hold", "the candidate has answered no request yet")
    assert said.judged_on == "nothing"


def test_an_hour_of_silence_is_inconclusive() -> None:
    said = verdict(fold(POLICY, [Poll(elapsed=POLL * n) for n in range(1, 361)]))
    assert said.kind == "inconclusive"
    assert said.judged_on == "nothing"
    assert said.more_requests is not None
    needed = said.more_requests // 10
    asked = [Poll(elapsed=POLL * n, live={"errors": counts((0, needed), (0, needed))}) for n in range(1, 61)]
    kinds = [verdict(fold(POLICY, asked[:n], Reference())).in_favour > said.bound_in_favour for n in (4, 20)]
    assert kinds == [False, True], "about so many, give or take a half"


def test_a_good_candidate_is_promoted_after_the_least_time_and_not_before() -> None:
    polls = list(traffic(np.random.default_rng(1), polls=60, rps=1000, canary=0.001, stable=0.001))
    assert verdict(fold(POLICY, polls[:-1])).kind == "hold"
    said = verdict(fold(POLICY, polls))
    assert said.kind == "promote"
    assert said.evidence >= said.bound
    assert said.judged_on == "users"
    assert "1.5 times stable's rate plus 0.2%" in said.reason


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (replace(POLICY, min_polls=200), "100 of 200 polls with requests in both arms"),
        (replace(POLICY, min_requests=9000), "5000 of 9000 requests of the candidate"),
        (replace(POLICY, min_time=2000.0), "1000 of 2000 s"),
    ],
)
def test_each_minimum_is_waited_for_by_name(policy: JudgePolicy, reason: str) -> None:
    said = verdict(fold(policy, healthy(100)))
    assert (said.kind, said.reason) == ("hold", reason)


def test_an_undecided_canary_says_how_many_more_requests_it_takes() -> None:
    thin = [Poll(elapsed=POLL * n, live={"errors": counts((0, 1), (0, 19))}) for n in range(1, 361)]
    said = verdict(fold(POLICY, thin))
    assert said.kind == "inconclusive"
    assert said.reason == "after 3600 s: errors: not enough requests to tell yet"
    assert said.more_requests is not None
    longer = [Poll(elapsed=POLL * n, live={"errors": counts((0, 1), (0, 19))}) for n in range(1, 361)]
    longer += [Poll(elapsed=3600 + n, live={"errors": counts((0, 1), (0, 19))}) for n in range(said.more_requests)]
    assert verdict(fold(POLICY, longer)).kind == "promote"


def test_a_refusal_names_channel_rates_and_requests() -> None:
    ill = [Poll(elapsed=POLL * n, live={"errors": counts((5, 100), (1, 900))}) for n in range(1, 9)]
    said = verdict(fold(POLICY, ill))
    assert said.kind == "roll back"
    assert said.channel == "errors"
    assert said.evidence >= said.bound
    canary, stable = said.arms[0].canary, said.arms[0].stable
    assert canary.low < canary.rate == 0.05 < canary.high
    assert canary.requests == said.live_requests
    assert f"candidate 5.00% ({canary.events} of {canary.requests})" in said.reason
    assert f"stable {stable.rate:.2%}" in said.reason
    assert "more than 1.1 times stable's rate plus 0.05%" in said.reason


def test_what_was_judged_on_probes_is_told_apart() -> None:
    policy = replace(POLICY, probes=True)
    only_probes = [Poll(elapsed=POLL * n, probe={"errors": counts((0, 100), (1, 100))}) for n in range(1, 100)]
    said = verdict(fold(policy, only_probes))
    assert said.kind == "promote"
    assert said.judged_on == "probes"
    assert (said.live_requests, said.probe_requests) == (0, 9900)
    mixed = [replace(poll, live={"errors": counts((0, 10), (0, 90))}) for poll in only_probes]
    assert verdict(fold(policy, mixed)).judged_on == "users and probes"


def both_kinds(users: tuple[tuple[int, int], tuple[int, int]]) -> list[Poll]:
    clean, asked = {"errors": counts((0, 100), (0, 100))}, {"errors": counts(*users)}
    return [Poll(elapsed=POLL * n, live=asked, probe=clean) for n in range(1, 80)]


@pytest.mark.parametrize("users", [((1, 50), (9, 900)), ((1, 100), (5, 1000))])
def test_what_probes_show_counts_for_users_only_unless_their_own_requests_speak_against_it(
    users: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    reference = Reference(seconds=600.0, live={"errors": (600, 60_000)}, probe={"errors": (3, 3_000)})
    said = verdict(fold(replace(POLICY, probes=True, alpha=1e-9), both_kinds(users), reference))
    assert said.in_favour > said.bound_in_favour, "probes alone have shown enough"
    assert (said.kind, said.reason) == (
        "hold",
        "errors: users' requests speak against the candidate so far",
    )


@pytest.mark.parametrize("users", [((0, 0), (0, 0)), ((0, 1), (0, 20)), ((0, 0), (1, 900)), ((9, 900), (9, 900))])
def test_users_who_hardly_ask_or_are_served_well_keep_no_candidate_from_being_promoted(
    users: tuple[tuple[int, int], tuple[int, int]],
) -> None:
    reference = Reference(seconds=600.0, live={"errors": (600, 60_000)}, probe={"errors": (3, 3_000)})
    assert verdict(fold(replace(POLICY, probes=True), both_kinds(users), reference)).kind == "promote"


def test_nothing_that_happened_speaks_against_nobody() -> None:
    """A margin without a difference of shares loses a little where neither arm has a slow answer."""
    slow = replace(LATENCY, promote=HalfPlane(r0=2.0, d=0.0), rollback=HalfPlane(r0=1.2, d=0.0))
    never, often = {"slow": counts((0, 5), (0, 95))}, {"slow": counts((50, 500), (50, 500))}
    policy = JudgePolicy(metrics=("latency",), channels=(slow,), probes=True, warm_up=0.0)
    reference = Reference(seconds=600.0, live={"slow": (600, 60_000)}, probe={"slow": (600, 6_000)})
    polls = [Poll(elapsed=POLL * n, live=never, probe=often, load_ratio=1.0) for n in range(1, 80)]
    state = fold(policy, polls, reference)
    assert min(state.channels[0].in_favour) < 0
    assert verdict(state).kind == "promote"


def test_with_users_alone_the_best_case_at_any_time_decides_as_ever() -> None:
    well = [Poll(elapsed=POLL * n, live={"errors": counts((0, 100), (1, 900))}) for n in range(1, 80)]
    worse = [Poll(elapsed=800 + POLL * n, live={"errors": counts((4, 100), (1, 900))}) for n in range(1, 100)]
    state = fold(replace(POLICY, alpha=1e-300), [*well, *worse])
    assert min(state.channels[0].in_favour) < 0
    assert verdict(state).kind == "promote"


def measured(places: range, *channels: str) -> list[Poll]:
    """Thin traffic in which a tenth of both arms' requests are events of these channels."""
    seen = dict.fromkeys(channels, counts((1, 10), (1, 10)))
    return [Poll(elapsed=POLL * n, live=seen, load_ratio=1.0) for n in places]


def missed(channel: Channel, *, probes: bool = False) -> JudgePolicy:
    return replace(POLICY, metrics=("errors", channel.metric), channels=(ERRORS, channel), probes=probes, warm_up=0.0)


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (measured(range(1, 4), "errors", "slow"), "slow isn't counted any more"),
        (measured(range(1, 4), "errors"), "slow isn't counted alike in both arms"),
    ],
)
def test_a_channel_that_is_missed_before_it_passed_is_named_and_no_requests_are_asked_for(
    before: list[Poll], why: str
) -> None:
    said = verdict(fold(missed(LATENCY), [*before, *measured(range(4, 12), "errors")]))
    assert (said.kind, said.reason, said.channel, said.more_requests) == ("hold", why, "slow", None)


def test_what_nobody_counts_among_probes_is_not_missed_there() -> None:
    own = replace(LATENCY, name="refunds", metric="refunds", event=Own(metric="refunds"))
    idle = {"errors": counts((0, 1), (0, 1)), "refunds": counts((0, 0), (0, 0))}
    polls = [replace(poll, live=idle, probe={"errors": idle["errors"]}) for poll in measured(range(1, 12))]
    said = verdict(fold(missed(own, probes=True), polls))
    assert said.reason == "refunds: not enough requests to tell yet"


def test_the_breaker_tells_what_it_saw_apart_from_what_was_seen_in_all() -> None:
    broken = [Poll(elapsed=600 + POLL * n, live={"errors": counts((25, 50), (0, 950))}) for n in (1, 2)]
    said = verdict(fold(POLICY, [*healthy(60), *broken]))
    assert said.kind == "roll back"
    assert said.reason == (
        "errors in users' requests: in 2 looks in a row at least 50% of its requests failed; "
        "in all candidate 1.61% (50 of 3,100), stable 0.10% (60 of 58,900)"
    )
    once = replace(POLICY, breaker=Breaker(share=0.375, polls=1), alpha=1e-9)
    assert "in one look at least 37.5% of its requests failed" in verdict(fold(once, broken[:1])).reason


def test_rows_of_a_request_are_no_requests_of_users() -> None:
    policy = replace(POLICY, metrics=("errors", "latency"), channels=(ERRORS, LATENCY), min_requests=500)
    rows = Poll(elapsed=POLL, live={"errors": counts((0, 5), (0, 95)), LATENCY.name: counts((50, 500), (950, 9500))})
    said = verdict(fold(policy, [replace(rows, elapsed=POLL * n) for n in range(1, 100)]))
    assert said.live_requests == 495


def test_before_any_request_as_many_are_missing_as_evidence_that_counts_for_less_takes() -> None:
    past = Reference(seconds=3600, live={"errors": (72, 7200)})
    one, ten = (verdict(start(replace(POLICY, dispersion=phi), past)).more_requests for phi in (1.0, 10.0))
    assert one is not None
    assert ten is not None
    assert 10 * one - 10 < ten <= 10 * one


def test_a_margin_of_few_parts_in_a_hundred_thousand_is_told_with_its_digits() -> None:
    strict = replace(ERRORS, promote=HalfPlane(r0=2.0, d=0.00002))
    polls = list(traffic(np.random.default_rng(1), polls=200, rps=1000, canary=0.001, stable=0.001))
    said = verdict(fold(replace(POLICY, channels=(strict,)), polls))
    assert said.kind == "promote"
    assert "2 times stable's rate plus 0.002%" in said.reason
