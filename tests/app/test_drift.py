"""Canaries whose users begin to ask something else: held, told or withdrawn, and never the release's fault."""

from dataclasses import replace

import pytest

from tests.fakes.observer import FakeArm, FakeFeature
from tests.fakes.scene import QUICK, Scene, promotable
from tests.fakes.world import record
from towpath.app.explain import explained
from towpath.app.plan import PlanRequest, plan
from towpath.app.promote import PromoteRequest, promote
from towpath.core.canary_codec import policy_from_json, policy_to_json
from towpath.core.drift import DriftPolicy
from towpath.core.drift_outlook import InputsOutlook
from towpath.core.errors import NeedsPerson, RolledBack
from towpath.core.history_codec import history_of
from towpath.core.promotion import Outcome
from towpath.core.recording import frames, read

PROD = PromoteRequest(environment="prod")


@pytest.fixture
def scene() -> Scene:
    """Prod serves a, dev runs b; both count three features, and stable has answered ten thousand requests."""
    made = promotable()
    counting(made)
    return made


def counting(scene: Scene, *, trained: int = 1000, mean: float = 0.0) -> None:
    for arm in arms(scene):
        arm.asked = [FakeFeature(name=name, trained=trained, mean=mean) for name in ("radius", "texture", "area")]
        arm.predicted = {"malignant": 0.4, "benign": 0.6}
    scene.observer.stable.requests = 10_000
    for feature in scene.observer.stable.asked:
        feature.grow(10_000)


def arms(scene: Scene) -> tuple[FakeArm, FakeArm]:
    return scene.observer.stable, scene.observer.canary


def ask(scene: Scene, mean: float, *which: FakeArm, feature: str = "radius") -> None:
    """From now on a feature of these arms, else of both, lies elsewhere."""
    for arm in which or arms(scene):
        next(one for one in arm.asked if one.name == feature).mean = mean


def is_bad(scene: Scene) -> bool:
    return bool(history_of(scene.journal("prod").entries()).bad)


def test_inputs_as_ever_hold_nothing_and_nothing_is_said_of_them(scene: Scene) -> None:
    done = promote(scene.services(), PROD)

    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED
    assert not any("requests are" in line or "traffic changed" in line for line in scene.report.lines)


def test_a_shift_in_both_arms_holds_names_the_feature_and_blames_nobody(scene: Scene) -> None:
    scene.world.clock.at(20, lambda: ask(scene, 1.0))

    with pytest.raises(NeedsPerson, match=r"inconclusive.*traffic changed: radius \(PSI 0.89\)") as error:
        promote(scene.services(), PROD)

    assert "texture" not in error.value.message
    assert "more requests" not in error.value.message
    assert not is_bad(scene)
    assert any(line.startswith("holding: traffic changed: radius (PSI") for line in scene.report.lines)
    assert any(
        line.startswith("inconclusive: undecided after") and "traffic changed" in line for line in scene.report.lines
    )


def test_a_shift_that_ends_lets_the_canary_go_on(scene: Scene) -> None:
    scene.world.clock.at(20, lambda: ask(scene, 1.0))
    scene.world.clock.at(200, lambda: ask(scene, 0.0))

    done = promote(scene.services(), PROD)

    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED
    assert done.closed.until - done.closed.since > 200
    assert "requests are again what they were" in scene.report.lines


def test_a_shift_in_one_arm_alone_holds_because_the_arms_cannot_be_compared(scene: Scene) -> None:
    scene.world.clock.at(20, lambda: ask(scene, 1.0, scene.observer.canary))

    with pytest.raises(NeedsPerson, match=r"the arms are asked different things: radius \(PSI"):
        promote(scene.services(), PROD)
    assert not is_bad(scene)


def test_an_endpoint_that_was_always_asked_something_else_is_told_of_and_promoted(scene: Scene) -> None:
    counting(scene, mean=1.5)

    done = promote(scene.services(), PROD)

    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED
    (line,) = (line for line in scene.report.lines if "unlike the training data" in line)
    assert "texture (PSI 2.0" in line
    assert any("unlike the training data" in word for word in explained(scene.services(), "prod").words)


def test_a_candidate_trained_on_what_is_asked_now_is_not_held(scene: Scene) -> None:
    scene.world.clock.at(20, lambda: ask(scene, 1.0))
    moved = tuple(cut + 1.0 for cut in FakeFeature(name="radius").cuts)
    scene.observer.canary.asked = [FakeFeature(name="radius", cuts=moved, offset=1.0)]

    done = promote(scene.services(), PROD)

    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED


def test_other_predictions_while_traffic_changed_withdraw_the_release_without_marking_it_bad(scene: Scene) -> None:
    scene.world.clock.at(5, lambda: ask(scene, 2.0))
    scene.world.clock.at(60, lambda: predict(scene, 0.7))

    with pytest.raises(RolledBack, match=r"isn't marked bad, for traffic changed: radius") as error:
        promote(scene.services(), PROD)

    assert "p isn't benign" in error.value.message
    assert not is_bad(scene)


def predict(scene: Scene, malignant: float) -> None:
    scene.observer.canary.predicted = {"malignant": malignant, "benign": 1 - malignant}


def test_other_predictions_of_ordinary_requests_still_mark_it_bad(scene: Scene) -> None:
    predict(scene, 0.7)

    with pytest.raises(RolledBack, match="p isn't benign"):
        promote(scene.services(), PROD)
    assert is_bad(scene)


def test_errors_mark_it_bad_whatever_is_asked(scene: Scene) -> None:
    scene.world.clock.at(5, lambda: ask(scene, 2.0))
    scene.world.clock.at(60, lambda: setattr(scene.observer.canary, "errors", 0.3))

    with pytest.raises(RolledBack, match="errors in users' requests"):
        promote(scene.services(), PROD)
    assert is_bad(scene)


def test_where_it_is_only_to_be_told_it_holds_nothing(scene: Scene) -> None:
    scene.canary = replace(QUICK, drift=DriftPolicy(action="tell"))
    scene.world.clock.at(20, lambda: ask(scene, 1.0))

    done = promote(scene.services(), PROD)

    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED
    assert any(line.startswith("traffic changed: radius") for line in scene.report.lines)


def test_a_reference_of_ten_rows_holds_nothing_and_plan_says_that_it_is_too_small(scene: Scene) -> None:
    counting(scene, trained=10)
    inputs = planned_inputs(scene)
    scene.world.clock.at(20, lambda: ask(scene, 1.0))

    done = promote(scene.services(), PROD)

    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED
    assert inputs.why == "10 training rows are too few to tell a change by a standard deviation from chance"
    assert (inputs.watched, inputs.between_arms) == ((), ("radius", "texture", "area"))


def test_without_the_kit_nothing_is_held_and_plan_says_why(scene: Scene) -> None:
    for arm in arms(scene):
        arm.asked, arm.predicted = [], {}

    assert planned_inputs(scene).why == "no replica of stable counts them"
    done = promote(scene.services(), PROD)
    assert done.closed is not None
    assert done.closed.outcome is Outcome.PROMOTED


def test_a_reference_without_training_rows_compares_the_arms_only(scene: Scene) -> None:
    counting(scene, trained=0)
    assert "reference.json doesn't say how many training rows" in planned_inputs(scene).why
    scene.world.clock.at(20, lambda: ask(scene, 1.0, scene.observer.stable))

    with pytest.raises(NeedsPerson, match="the arms are asked different things: radius"):
        promote(scene.services(), PROD)


def test_plan_names_what_is_watched_and_what_differs_already(scene: Scene) -> None:
    counting(scene)
    assert planned_inputs(scene).watched == ("radius", "texture", "area")
    assert planned_inputs(scene).differ == ()

    counting(scene, mean=1.0)
    assert [shift.feature for shift in planned_inputs(scene).differ] == ["radius", "texture", "area"]


def learned(scene: Scene, *features: FakeFeature) -> None:
    """What the candidate was trained on."""
    trained = tuple(feature.feature() for feature in features)
    scene.releases.records = [replace(record("b"), features=trained), record("a")]


def test_plan_names_where_stables_requests_are_unlike_what_the_candidate_was_trained_on(scene: Scene) -> None:
    assert planned_inputs(scene).candidate is None, "its record doesn't say"
    learned(scene, FakeFeature(name="radius"), FakeFeature(name="texture", offset=1.0), FakeFeature(name="depth"))
    (texture,) = planned_inputs(scene).candidate or ()
    assert (texture.feature, texture.measure) == ("texture", "PSI")
    assert texture.value == pytest.approx(1.0, abs=0.2)
    learned(scene, FakeFeature(name="radius"))
    assert planned_inputs(scene).candidate == ()


@pytest.mark.parametrize("requests", [0, 20])
def test_plan_likens_nothing_to_the_candidates_training_where_stable_was_hardly_asked(
    scene: Scene, requests: int
) -> None:
    learned(scene, FakeFeature(name="radius"))
    scene.observer.stable.requests = requests
    for feature in scene.observer.stable.asked:
        feature.rows = []
        feature.grow(requests)
    assert planned_inputs(scene).candidate is None


def test_plan_leaves_out_what_ten_rows_of_the_candidates_training_cannot_tell(scene: Scene) -> None:
    few = FakeFeature(name="radius", trained=10)
    learned(scene, few)
    assert planned_inputs(scene).candidate is None
    learned(scene, few, FakeFeature(name="texture"))
    assert planned_inputs(scene).candidate == ()


def test_plan_compares_a_retrained_candidate_though_it_cuts_elsewhere(scene: Scene) -> None:
    moved = tuple(cut + 1.0 for cut in FakeFeature(name="any").cuts)
    learned(scene, FakeFeature(name="area", offset=1.0, cuts=moved), FakeFeature(name="radius", cuts=moved))
    assert [(one.feature, one.measure) for one in planned_inputs(scene).candidate or ()] == [("area", "KS")]


def planned_inputs(scene: Scene) -> InputsOutlook:
    traffic = plan(scene.services(), PlanRequest(environment="prod")).traffic
    assert traffic is not None
    return traffic.inputs


def test_explain_says_when_traffic_changed_and_how_far(scene: Scene) -> None:
    scene.world.clock.at(20, lambda: ask(scene, 1.0))
    with pytest.raises(NeedsPerson):
        promote(scene.services(), PROD)

    found = explained(scene.services(), "prod")

    assert any("traffic changed: radius (PSI" in word for word in found.words[1:])
    assert "traffic changed: radius (PSI" in found.html
    assert "Next: find out who asks what" in found.words[-1]


def test_what_was_looked_at_says_the_same_of_the_requests_when_it_is_judged_again(scene: Scene) -> None:
    scene.world.clock.at(20, lambda: ask(scene, 1.0))
    with pytest.raises(NeedsPerson):
        promote(scene.services(), PROD)

    found = explained(scene.services(), "prod")

    again = frames(read(found.looks))
    assert [frame.drift for frame in again] == [frame.drift for frame in found.frames]
    assert again[-1].drift.reason.startswith("traffic changed: radius")


def test_a_policy_that_was_pinned_before_requests_were_watched_only_tells() -> None:
    pinned = policy_to_json(QUICK)
    del pinned["drift"]

    assert policy_from_json(pinned).drift == DriftPolicy(action="tell")
    assert policy_from_json(policy_to_json(QUICK)) == QUICK
