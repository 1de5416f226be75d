"""What is said of promotions before and after them."""

from dataclasses import replace

from tests.app.promotions import PROD
from tests.fakes.scene import Scene
from tests.fakes.world import image
from towpath.app.destroy import destroy
from towpath.app.plan import PlanRequest, plan
from towpath.app.promote import promote
from towpath.app.status import status


class TestPlan:
    def test_changes_nothing_and_says_everything(self, scene: Scene) -> None:
        planned = plan(scene.services(), PlanRequest(environment="prod", requests_per_second=100))

        assert scene.world.ups == []
        assert scene.journal("prod").entries() == ()
        assert planned.has_changes
        assert planned.lets_on
        assert [share.traffic for share in planned.shares] == [25, 50, 95]
        assert planned.visible[-1].errors is not None
        assert planned.changes


class TestStatus:
    def test_tells_declared_and_observed(self, scene: Scene) -> None:
        promote(scene.services(), PROD)

        dev, prod = status(scene.services())

        assert (dev.release, prod.release) == (image("b"), image("b"))
        assert prod.healthy
        assert prod.published is False

    def test_names_what_contradicts_itself(self, scene: Scene) -> None:
        scene.world.runs = lambda replica: (replace(replica, digest=image("f").digest),)

        _, prod = status(scene.services())

        assert not prod.healthy
        assert "ffffffffffff" in prod.problems[0]

    def test_takes_a_destroyed_environment_for_what_it_is(self, scene: Scene) -> None:
        destroy(scene.services(), "prod")

        dev, prod = status(scene.services())

        assert (dev.drawn, prod.drawn, prod.release) == (True, False, None)
        assert (prod.healthy, prod.problems) == (True, ())
