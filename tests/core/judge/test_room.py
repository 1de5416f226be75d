"""Where stable's rate leaves no room for worse than a margin allows, and where it only seems so."""

import math
from dataclasses import replace

import pytest

from tests.core.judge.traffic import POLL, counts, fold
from towpath.core.judge import ERRORS, Channel, JudgePolicy, Poll, Reference, verdict
from towpath.core.judge.evalue import HalfPlane

POLICY = JudgePolicy()
ALWAYS = replace(ERRORS, promote=HalfPlane(r0=1.0, d=0.05), rollback=HalfPlane(r0=1.0, d=0.02), is_failure=False)
OFTEN = Reference(seconds=600.0, live={"errors": (57_600, 60_000)})


def test_where_stable_leaves_no_room_for_worse_there_is_nothing_to_exclude() -> None:
    policy = replace(POLICY, channels=(ALWAYS,))
    state = fold(policy, [Poll(elapsed=700, live={"errors": counts((500, 500), (9500, 9500))})] * 5, OFTEN)
    assert verdict(state).kind == "promote"


@pytest.mark.parametrize(
    ("channel", "load_ratio", "passed"),
    [
        (ALWAYS, None, True),
        (replace(ALWAYS, is_failure=True), None, False),
        (replace(ALWAYS, depends_on_load=True), 0.8, True),
        (replace(ALWAYS, depends_on_load=True), 0.7, False),
        (replace(ALWAYS, depends_on_load=True), None, False),
    ],
)
def test_a_poll_that_may_not_count_for_the_candidate_does_not_where_there_is_no_room_either(
    channel: Channel, load_ratio: float | None, *, passed: bool
) -> None:
    seen = {"errors": counts((480, 500), (9120, 9500))}
    state = fold(replace(POLICY, channels=(channel,)), [Poll(elapsed=10, live=seen, load_ratio=load_ratio)], OFTEN)
    assert (state.channels[0].best > 0) == passed


@pytest.mark.parametrize(("events", "requests", "now"), [(29, 30, 30), (55_000, 60_000, 300_000), (0, 0, 30)])
def test_a_moment_without_room_for_worse_acquits_nobody(events: int, requests: int, now: int) -> None:
    """Neither where too little was known of stable, nor where it once left room."""
    known = Reference(seconds=600.0, live={"errors": (events, requests)})
    crowded = Poll(elapsed=10, live={"errors": counts((1, 1), (now, now))})
    state = fold(replace(POLICY, channels=(ALWAYS,)), [crowded, replace(crowded, elapsed=20)], known)
    assert state.channels[0].baseline[0][0] / state.channels[0].baseline[0][1] > 0.95
    assert state.channels[0].best < math.log(20)


def test_where_stable_once_left_no_room_but_does_now_the_candidate_must_pass_by_its_requests() -> None:
    policy = replace(POLICY, channels=(replace(ALWAYS, waits_for_warm_up=True),), warm_up=300.0)
    changed = Poll(elapsed=200, live={"errors": counts((0, 0), (0, 300_000))})
    since = Poll(elapsed=400, live={"errors": counts((1, 1), (0, 20))})
    assert fold(policy, [changed, since], OFTEN).channels[0].best < math.log(20)


def test_probes_that_leave_no_room_for_worse_acquit_nobody_of_what_users_meet() -> None:
    policy = replace(POLICY, channels=(ALWAYS,), probes=True)
    always = {"errors": counts((480, 500), (9120, 9500))}
    polls = [Poll(elapsed=10, probe=always), Poll(elapsed=20, probe=always)]
    without_users = fold(policy, polls, Reference(seconds=600.0, probe=OFTEN.live))
    with_users = fold(policy, polls, Reference(seconds=600.0, probe=OFTEN.live, live={"errors": (600, 60_000)}))
    assert without_users.channels[0].best == pytest.approx(math.log(20))
    assert with_users.channels[0].best == 0.0


def test_where_it_is_doubtful_whether_there_is_room_a_candidate_like_stable_passes() -> None:
    doubtful = Reference(seconds=600.0, live={"errors": (9_510, 10_000)})
    polls = [Poll(elapsed=POLL * n, live={"errors": counts((951, 1000), (951, 1000))}) for n in range(1, 4)]
    alike = fold(replace(POLICY, channels=(ALWAYS,)), polls, doubtful)
    worse = [replace(poll, live={"errors": counts((1000, 1000), (951, 1000))}) for poll in polls]
    assert alike.channels[0].best > math.log(20) > fold(alike.policy, worse, doubtful).channels[0].best
