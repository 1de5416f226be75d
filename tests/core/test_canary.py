from dataclasses import replace

import pytest

from towpath.core.canary import (
    Advance,
    CanaryPolicy,
    Decision,
    Halt,
    Hold,
    Inconclusive,
    Margin,
    Margins,
    Promote,
    RollBack,
    Situation,
    canary_replicas,
    check,
    decide,
    judge_policy,
    policy_problems,
    steps,
)
from towpath.core.canary_policy import after_tries
from towpath.core.drift import DriftPolicy
from towpath.core.errors import UsageError
from towpath.core.judge import Verdict

POLICY = CanaryPolicy()
PLAN = steps(POLICY, 4)
SEEN = "the candidate answered 100 requests of users and 0 probes"
HOLDING = Verdict(
    kind="hold",
    reason="errors: not enough requests to tell yet",
    channel="errors",
    arms=(),
    evidence=0.0,
    bound=4.6,
    in_favour=1.0,
    bound_in_favour=3.0,
    live_requests=100,
    probe_requests=0,
    more_requests=200,
)
PROMOTE = replace(HOLDING, kind="promote", reason="no worse")
NOW = Situation(step=0, elapsed=250, step_elapsed=250, step_polls=20, step_requests=100, silent=3, verdict=HOLDING)


def test_a_canary_grows_and_leaves_stable_a_holdback() -> None:
    assert [step.traffic for step in PLAN] == [5, 25, 50, 95]
    assert [step.needs_promote for step in PLAN] == [False, False, False, True]
    assert [step.last for step in PLAN] == [False, False, False, True]
    assert [step.canary_replicas for step in PLAN] == [1, 2, 4, 4]
    assert all(step.stable_replicas == 4 for step in PLAN)


def test_the_steps_that_need_no_verdict_share_the_least_time() -> None:
    assert [step.dwell for step in PLAN] == [200.0] * 4
    assert steps(replace(POLICY, min_time=60.0), 1)[0].dwell == 40.0  # four polls


CHANGED = "traffic changed: radius (PSI 0.41)"
REFUSED = replace(NOW, verdict=replace(HOLDING, kind="roll back", reason="p above 0.5"))
ANSWERED = "the candidate answered 100 requests of users and 0 probes"
TELL = replace(POLICY, drift=DriftPolicy(action="tell"))


@pytest.mark.parametrize(
    ("now", "policy", "decision"),
    [
        (replace(NOW, drift=CHANGED), POLICY, Hold(why=CHANGED, next_look=10.0)),
        (replace(NOW, drift=CHANGED), TELL, Advance(to=PLAN[1])),
        (replace(NOW, step=3, verdict=PROMOTE, drift=CHANGED), POLICY, Hold(why=CHANGED, next_look=10.0)),
        (replace(NOW, drift=CHANGED, silent=20), POLICY, Hold(why="no observation for 20 s", next_look=10.0)),
        (
            replace(NOW, step=3, verdict=PROMOTE, drift=CHANGED, elapsed=3600),
            POLICY,
            Inconclusive(reason=f"undecided after 3600 s: {CHANGED}; {ANSWERED}", more_requests=None),
        ),
        (replace(NOW, drifted=CHANGED), POLICY, Advance(to=PLAN[1])),
        (replace(REFUSED, drift=CHANGED, drifted=CHANGED), POLICY, RollBack(reason="p above 0.5", blamed=True)),
        (replace(REFUSED, predictions_alone=True), POLICY, RollBack(reason="p above 0.5", blamed=True)),
        (
            replace(REFUSED, predictions_alone=True, drifted=CHANGED),
            TELL,
            RollBack(reason="p above 0.5", blamed=True),
        ),
        (
            replace(REFUSED, predictions_alone=True, drifted=CHANGED),
            POLICY,
            RollBack(reason=f"p above 0.5; the release isn't marked bad, for {CHANGED}", blamed=False),
        ),
    ],
)
def test_changed_requests_hold_a_canary_and_excuse_only_what_it_predicts(
    now: Situation, policy: CanaryPolicy, decision: object
) -> None:
    assert decide(policy, PLAN, now) == decision


@pytest.mark.parametrize("replicas", [1, 2, 3, 10])
def test_every_plan_has_a_step_with_equal_replicas_and_equal_load(replicas: int) -> None:
    plan = steps(replace(POLICY, traffic=(10,)), replicas)
    assert [step.traffic for step in plan] == [10, 50, 95]
    assert plan[1].canary_replicas == replicas
    assert plan[1].sees_latency
    assert not plan[2].sees_latency


@pytest.mark.parametrize(
    ("stable", "traffic", "replicas"),
    [(1, 5, 1), (4, 25, 2), (20, 5, 2), (19, 5, 1), (3, 25, 1), (4, 50, 4), (4, 95, 4), (10, 90, 10)],
)
def test_the_candidate_gets_no_more_load_per_replica_than_stable_had(stable: int, traffic: int, replicas: int) -> None:
    assert canary_replicas(stable, traffic) == replicas


@pytest.mark.parametrize(
    ("now", "policy", "decision"),
    [
        (NOW, POLICY, Advance(to=PLAN[1])),
        (replace(NOW, step_elapsed=150), POLICY, Hold(why="150 of 200 s at 5 %", next_look=10.0)),
        (replace(NOW, step_elapsed=196), POLICY, Hold(why="196 of 200 s at 5 %", next_look=4.0)),
        (replace(NOW, step_polls=3), POLICY, Hold(why="3 of 4 polls with data", next_look=10.0)),
        (replace(NOW, step_requests=7), POLICY, Hold(why="7 of 20 requests in this step", next_look=10.0)),
        (replace(NOW, step=1), POLICY, Advance(to=PLAN[2])),
        (
            replace(NOW, step=2),
            POLICY,
            Hold(why="beyond 50 % the judge must agree: errors: not enough requests to tell yet", next_look=10.0),
        ),
        (replace(NOW, step=2, verdict=PROMOTE), POLICY, Advance(to=PLAN[3])),
        (replace(NOW, step=3, verdict=PROMOTE), POLICY, Promote(reason="no worse")),
        (replace(NOW, step=3, step_elapsed=9, verdict=PROMOTE), POLICY, Hold(why="9 of 200 s at 95 %", next_look=10.0)),
        (replace(NOW, silent=20), POLICY, Hold(why="no observation for 20 s", next_look=10.0)),
        (replace(NOW, silent=301), POLICY, Halt(reason="no observation for 301 s; no more than 300 s are waited for")),
        (
            replace(NOW, step=2, elapsed=3600),
            POLICY,
            Inconclusive(
                reason=f"undecided after 3600 s: errors: not enough requests to tell yet; {SEEN}", more_requests=200
            ),
        ),
        (
            replace(
                NOW,
                step=2,
                elapsed=3605,
                verdict=replace(HOLDING, kind="inconclusive", reason="after 3605 s: errors: not enough requests"),
            ),
            POLICY,
            Inconclusive(reason=f"undecided after 3605 s: errors: not enough requests; {SEEN}", more_requests=200),
        ),
        (
            replace(NOW, step=2, elapsed=3600),
            replace(POLICY, on_inconclusive="roll back"),
            RollBack(reason=f"undecided after 3600 s: errors: not enough requests to tell yet; {SEEN}", blamed=False),
        ),
        (replace(NOW, step=3, elapsed=3600, verdict=PROMOTE), POLICY, Promote(reason="no worse")),
        (
            replace(NOW, step=3, silent=400, verdict=replace(HOLDING, kind="roll back", reason="errors: 5 %")),
            POLICY,
            RollBack(reason="errors: 5 %", blamed=True),
        ),
        (
            replace(NOW, verdict=replace(HOLDING, kind="halt", reason="the router refused an update")),
            POLICY,
            Halt(reason="the router refused an update"),
        ),
    ],
)
def test_what_is_done_at_a_look(now: Situation, policy: CanaryPolicy, decision: Decision) -> None:
    assert decide(policy, PLAN, now) == decision


@pytest.mark.parametrize("step", range(4))
def test_no_data_is_never_a_pass(step: int) -> None:
    silence = replace(NOW, step=step, step_polls=0, step_requests=0, step_elapsed=10_000)
    assert isinstance(decide(POLICY, PLAN, silence), Hold)


def test_the_defaults_are_a_policy_and_reach_the_judge() -> None:
    assert check(POLICY) is POLICY
    judge = judge_policy(replace(POLICY, probes=2.0, alpha=0.02, margins=Margins(errors=Margin(ratio=1.2, points=0.0))))
    assert judge.probes
    assert judge.alpha == 0.02
    assert (judge.channels[0].rollback.r0, judge.channels[0].promote.r0) == (1.2, 1.5)


@pytest.mark.parametrize(
    ("policy", "key"),
    [
        (replace(POLICY, traffic=()), "traffic"),
        (replace(POLICY, traffic=(25, 5)), "traffic"),
        (replace(POLICY, traffic=(5, 95)), "traffic"),
        (replace(POLICY, holdback=0), "holdback"),
        (replace(POLICY, poll=0.0), "poll"),
        (replace(POLICY, min_polls=0), "min_polls"),
        (replace(POLICY, min_requests=0), "min_requests"),
        (replace(POLICY, min_time=4000.0), "min_time"),
        (replace(POLICY, soak=3500.0), "soak"),
        (replace(POLICY, max_gap=5.0), "max_gap"),
        (replace(POLICY, warm_up=3600.0), "warm_up"),
        (replace(POLICY, probes=-1.0), "probes"),
        (replace(POLICY, alpha=0.0), "alpha"),
        (replace(POLICY, margins=Margins(errors=Margin(ratio=2.0, points=0.0))), "margins"),
    ],
)
def test_a_policy_that_makes_no_sense_is_named(policy: CanaryPolicy, key: str) -> None:
    assert [problem.split(":")[0].split(",")[0] for problem in policy_problems(policy)] == [key]


def test_all_problems_of_a_policy_are_said_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        check(replace(POLICY, holdback=0, min_polls=0))
    assert "canary: 2 problems" in caught.value.message


def test_however_often_a_release_is_tried_the_chances_to_be_wrong_stay_bounded() -> None:
    policies = [after_tries(CanaryPolicy(), tries) for tries in range(30)]
    assert policies[0] == CanaryPolicy()
    assert sum(policy.alpha for policy in policies) <= 2 * CanaryPolicy().alpha
    assert sum(policy.beta for policy in policies) <= 2 * CanaryPolicy().beta
    assert not policy_problems(policies[-1])
