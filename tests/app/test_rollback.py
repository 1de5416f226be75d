"""`deploy rollback`: where it goes, and where it doesn't."""

import pytest

from tests.app.promotions import PROD, left_in_mid_canary, told
from tests.fakes.scene import Scene
from tests.fakes.world import image, record
from towpath.app.promote import promote
from towpath.app.rollback import RollbackRequest, rollback
from towpath.core.errors import Busy, Refused
from towpath.core.release import ImageRef


class TestRollback:
    def test_serves_the_last_good_release_and_marks_the_bad_one(self, scene: Scene) -> None:
        promote(scene.services(), PROD)
        scene.serve("dev", image("a"), promotion=2)
        scene.releases.records.append(record("c"))

        closed = rollback(scene.services(), RollbackRequest(environment="prod", to=str(image("a")), reason="slow"))

        assert closed is not None
        assert scene.world.files["prod"][0].release == image("a")
        assert scene.world.files["prod"][0].promotion == 5
        assert told(scene).bad_reason(image("b")) == "slow"

    def test_finds_the_last_good_release_by_itself(self, scene: Scene) -> None:
        scene.serve("prod", None)
        scene.serve("dev", image("a"), promotion=1)
        promote(scene.services(), PROD)
        scene.serve("dev", image("b"), promotion=2)
        promote(scene.services(), PROD)

        closed = rollback(scene.services(), RollbackRequest(environment="prod"))

        assert closed is not None
        assert closed.plan.candidate == image("a")

    def test_to_a_release_that_never_served_there_is_refused_for_no_gate_let_it_through(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="never served in prod"):
            rollback(scene.services(), RollbackRequest(environment="prod", to=str(image("b"))))
        assert scene.world.ups == []

    def test_to_a_release_that_was_marked_bad_there_is_refused_with_the_reason(self, scene: Scene) -> None:
        promote(scene.services(), PROD)
        rollback(scene.services(), RollbackRequest(environment="prod", to=str(image("a")), reason="slow"))
        drawn = scene.world.drawn["prod"]

        with pytest.raises(Refused, match="was marked bad in prod: slow") as refused:
            rollback(scene.services(), RollbackRequest(environment="prod", to=str(image("b"))))
        assert "--override-bad" in refused.value.hint
        assert scene.world.drawn["prod"] == drawn

    def test_without_an_earlier_release_is_refused(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="no other release"):
            rollback(scene.services(), RollbackRequest(environment="prod"))


class TestRollbackInMidCanary:
    def test_gives_the_canary_up_and_that_is_all(self, scene: Scene) -> None:
        left_in_mid_canary(scene)

        assert rollback(scene.services(), RollbackRequest(environment="prod")) is None
        assert serving(scene) == image("a")

    def test_goes_on_to_the_release_that_was_named(self, scene: Scene) -> None:
        promote(scene.services(), PROD)
        scene.releases.records.append(record("c"))
        scene.serve("dev", image("c"), promotion=2)
        left_in_mid_canary(scene)

        closed = rollback(scene.services(), RollbackRequest(environment="prod", to=str(image("a"))))

        assert closed is not None
        assert serving(scene) == image("a")

    def test_refuses_a_release_that_is_not_good_before_the_canary_is_given_up(self, scene: Scene) -> None:
        left_in_mid_canary(scene)

        with pytest.raises(Refused, match="never served in prod"):
            rollback(scene.services(), RollbackRequest(environment="prod", to=str(image("b"))))
        assert told(scene).open is not None

    def test_leaves_the_canary_of_another_model_alone(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        scene.add("prod", "rose")

        with pytest.raises(Busy, match="promotion 4 of iris to prod is open") as busy:
            rollback(scene.services(), RollbackRequest(environment="prod", model="rose"))
        assert busy.value.hint == "deploy abort prod gives it up; then roll rose back"
        assert told(scene).open is not None


def serving(scene: Scene) -> ImageRef | None:
    return scene.world.drawn["prod"][0].release
