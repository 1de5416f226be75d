"""Canaries that are judged on a metric of the user's own, in a world of fakes."""

from dataclasses import replace

import pytest

from tests.fakes.observer import FakeOwn
from tests.fakes.scene import QUICK, Scene, promotable
from tests.fakes.world import image
from towpath.app.explain import explained
from towpath.app.plan import PlanRequest, plan
from towpath.app.promote import PromoteRequest, promote
from towpath.app.simulate import SimulateRequest, simulate
from towpath.core.errors import NeedsPerson, RolledBack
from towpath.core.history_codec import history_of
from towpath.core.margins import Margin
from towpath.core.own_metrics import Exposed, OwnMetric
from towpath.core.promotion import Outcome
from towpath.core.selectors import parse_selector

PROD = PromoteRequest(environment="prod")
FALLBACK = OwnMetric(
    name="fallback_answers",
    source=Exposed(events=parse_selector('answers_total{kind="fallback"}'), cases=parse_selector("answers_total")),
    rollback=Margin(ratio=1.0, points=0.01),
    promote=Margin(ratio=1.0, points=0.04),
)


@pytest.fixture
def scene() -> Scene:
    """Prod serves a, dev runs b; stable answers 5 % with a fallback."""
    made = promotable(canary=replace(QUICK, metrics=("errors",), own=(FALLBACK,)))
    made.observer.own = {"fallback_answers": FakeOwn(stable=0.05, canary=0.05)}
    return made


def test_a_candidate_with_as_many_events_is_promoted(scene: Scene) -> None:
    done = promote(scene.services(), PROD)
    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED


def test_a_candidate_with_more_of_them_is_rolled_back_and_marked_though_it_never_fails(scene: Scene) -> None:
    scene.observer.own["fallback_answers"].canary = 0.15

    with pytest.raises(RolledBack, match=r"fallback_answers: candidate 1\d\.\d\d% \(\d+ of [\d,]+\), stable [45]\.\d"):
        promote(scene.services(), PROD)
    assert scene.world.drawn["prod"] == scene.world.files["prod"]
    assert history_of(scene.journal("prod").entries()).bad_reason(image("b"))


def test_a_candidate_with_fewer_events_of_a_kind_that_is_wanted_is_rolled_back(scene: Scene) -> None:
    scene.canary = replace(QUICK, metrics=("errors",), own=(replace(FALLBACK, worse="fewer"),))
    scene.observer.own["fallback_answers"] = FakeOwn(stable=0.3, canary=0.2)

    with pytest.raises(RolledBack, match=r"candidate (19|20)\.\d+% .* fewer than stable's rate minus 1.00%"):
        promote(scene.services(), PROD)


def test_more_events_of_a_kind_that_is_wanted_are_no_reason_to_roll_back(scene: Scene) -> None:
    scene.canary = replace(QUICK, metrics=("errors",), own=(replace(FALLBACK, worse="fewer"),))
    scene.observer.own["fallback_answers"] = FakeOwn(stable=0.3, canary=0.4)

    done = promote(scene.services(), PROD)
    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED


@pytest.mark.parametrize(("arm", "who"), [("canary", "the candidate doesn't"), ("stable", "stable doesn't")])
def test_one_that_vanishes_never_promotes_and_says_why(scene: Scene, arm: str, who: str) -> None:
    scene.canary = replace(QUICK, metrics=("errors",), own=(FALLBACK,), max_time=120)
    scene.world.clock.at(20, lambda: setattr(scene.observer.own["fallback_answers"], arm, None))

    with pytest.raises(NeedsPerson, match=rf"fallback_answers: {who} count it"):
        promote(scene.services(), PROD)
    assert max(up.canary.traffic for _, up, _ in scene.world.ups if up.canary is not None) == 50


def test_one_that_vanishes_after_it_was_enough_holds_until_it_is_back(scene: Scene) -> None:
    own = scene.observer.own["fallback_answers"]
    scene.canary = replace(QUICK, metrics=("errors",), own=(FALLBACK,), min_time=120)
    scene.world.clock.at(60, lambda: setattr(own, "canary", None))
    scene.world.clock.at(300, lambda: setattr(own, "canary", 0.05))

    promote(scene.services(), PROD)

    beyond = [entry for entry in scene.journal("prod").entries() if entry.payload.get("said") == "promote"]
    assert beyond[0].time - scene.journal("prod").entries()[0].time > 240


def test_a_metric_of_another_model_is_not_waited_for(scene: Scene) -> None:
    scene.canary = replace(QUICK, metrics=("errors",), own=(replace(FALLBACK, model="churn"),))
    scene.observer.own = {}

    done = promote(scene.services(), PROD)
    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED


def test_what_decided_is_explained_and_drawn(scene: Scene) -> None:
    scene.observer.own["fallback_answers"].canary = 0.15
    with pytest.raises(RolledBack):
        promote(scene.services(), PROD)

    found = explained(scene.services(), "prod")

    words = " ".join(found.words)
    assert "Counted as fallback_answers: 217 of 1,450 (14.97%; the true share is from " in words
    assert "Compared were failing answers, fallback_answers, on" in words
    assert ">fallback_answers</text>" in found.html
    assert found.recording is not None
    assert found.recording.policy.own == (FALLBACK,)
    assert found.frames[-1].verdict.kind == "roll back"


def test_plan_says_what_is_judged_and_the_smallest_change_it_would_see(scene: Scene) -> None:
    scene.observer.stable.requests = 100_000
    scene.canary = replace(QUICK, own=(FALLBACK,))

    found = plan(scene.services(), PlanRequest(environment="prod", requests_per_second=50))

    assert found.traffic is not None
    assert [(one.metric, one.state) for one in found.traffic.judged] == [
        ("errors", "on"),
        ("latency", "on"),
        ("predictions", "off"),
        ("fallback_answers", "on"),
    ]
    assert found.traffic.judged[-1].why == "stable: 5,000 of 100,000, 5.00%"
    seen = [one.own["fallback_answers"] for one in found.visible]
    assert seen[:2] == [None, None], "two and four looks can't refuse a candidate"
    assert seen[2] is not None
    assert 0.06 < seen[2] < 0.35


def test_plan_says_of_a_metric_that_stable_does_not_count_that_it_is_waited_for(scene: Scene) -> None:
    scene.observer.own["fallback_answers"].stable = None
    found = plan(scene.services(), PlanRequest(environment="prod"))

    assert found.traffic is not None
    judged = {one.metric: one for one in found.traffic.judged}
    assert (judged["fallback_answers"].state, judged["fallback_answers"].why) == ("waits", "stable doesn't count it")
    assert (judged["latency"].state, judged["latency"].why) == ("off", "left out of metrics in deploy.toml")
    assert found.unseen == ("fallback_answers",)


def test_canaries_in_numbers_try_candidates_that_are_worse_in_it(scene: Scene) -> None:
    scene.observer.stable.requests = 100_000
    _, found = simulate(scene.services(), SimulateRequest(environment="prod", requests_per_second=200, runs=2, seed=3))
    ended = {one.candidate.name: (one.rolled_back, one.promoted) for one in found}
    assert ended["like stable"] == (0, 2)
    assert ended["fallback_answers 3 times as far as its promote margin"] == (2, 0)
