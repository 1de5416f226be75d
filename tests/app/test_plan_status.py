"""What is said of promotions before and after them."""

import math
from dataclasses import replace

import pytest

from tests.app.promotions import PROD, left_in_mid_canary, told
from tests.fakes.scene import Scene
from tests.fakes.world import image
from towpath.app.control import pause
from towpath.app.destroy import destroy
from towpath.app.plan import PlanRequest, plan
from towpath.app.promote import promote
from towpath.app.status import EnvironmentStatus, status


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

    def test_times_every_step_and_so_the_whole(self, scene: Scene) -> None:
        planned = plan(scene.services(), PlanRequest(environment="prod", requests_per_second=100))

        assert planned.outlook is not None
        lasting = dict(zip((step.name for step in planned.plan.steps), planned.durations, strict=True))
        assert (lasting["shift 25 %"], lasting["observe 25 %"]) == (3.0, planned.shares[0].dwell)
        assert lasting["observe 25 %"] + lasting["observe 50 %"] == max(20.0, planned.outlook.seconds)
        assert planned.seconds == sum(planned.durations)


class TestStatus:
    def test_tells_what_is_served_since_when(self, scene: Scene) -> None:
        before = status(scene.services())[1].since
        promote(scene.services(), PROD)
        ended = scene.world.clock.now()
        scene.world.clock.advance(60)

        dev, prod = status(scene.services())

        assert (dev.release, prod.release) == (image("b"), image("b"))
        assert (before, dev.since, prod.since) == (None, None, ended)
        assert prod.healthy
        assert prod.published is False

    def test_of_several_models_has_each_where_it_has_an_endpoint(self, scene: Scene) -> None:
        promote(scene.services(), PROD)
        scene.add("prod", "rose")

        every = [(one.endpoint, one.environment, one.last is not None) for one in status(scene.services())]
        assert every == [("iris", "dev", False), ("iris", "prod", True), ("rose", "prod", False)]
        assert [one.environment for one in status(scene.services(), "iris")] == ["dev", "prod"]

    def test_of_a_tracked_branch_whose_file_does_not_parse_says_all_the_rest(self, scene: Scene) -> None:
        scene.world.published["Pulumi.prod.yaml"] = "half a merge"

        dev, prod = status(scene.services())

        assert (dev.published, prod.published) == (False, None)
        assert prod.release == image("a")

    def test_tells_declared_and_observed_in_mid_canary(self, scene: Scene) -> None:
        promote(scene.services(), PROD)
        since = told(scene).closed[-1].until
        scene.serve("dev", image("a"), promotion=2)
        seen: list[EnvironmentStatus] = []
        scene.world.clock.at(9, lambda: seen.append(status(scene.services())[1]))

        promote(scene.services(), PROD)

        (prod,) = seen
        assert (prod.release, prod.since, prod.candidate) == (image("b"), since, image("a"))
        assert (prod.declared, prod.observed) == (25, (25,))
        assert (prod.healthy, prod.problems) == (True, ())
        assert prod.open is not None

    def test_names_a_router_that_does_not_do_what_was_declared(self, scene: Scene) -> None:
        scene.serve_canary("prod", image("b"), traffic=25)
        scene.world.stuck_traffic = 7

        _, prod = status(scene.services())

        assert (prod.declared, prod.observed, prod.healthy) == (25, (7,), False)
        assert prod.problems == ("router-0 gives the candidate 7 %, declared was 25 %",)

    @pytest.mark.parametrize("seen", [25.004, math.nan], ids=["what weights can't tell", "nothing"])
    def test_takes_a_router_at_its_word(self, scene: Scene, seen: float) -> None:
        scene.serve_canary("prod", image("b"), traffic=25)
        scene.world.stuck_traffic = seen

        assert status(scene.services())[1].problems == ()

    def test_does_not_take_a_step_that_is_changing_the_traffic_for_a_contradiction(self, scene: Scene) -> None:
        scene.world.stuck_traffic = 0
        seen: list[EnvironmentStatus] = []

        def look() -> None:
            seen.append(status(scene.services())[1])
            scene.world.stuck_traffic = None

        scene.world.clock.at(4.1, look)
        promote(scene.services(), PROD)

        assert [(prod.declared, prod.observed, prod.problems) for prod in seen] == [(25, (0,), ())]

    def test_names_a_router_that_changes_its_mind_in_mid_canary(self, scene: Scene) -> None:
        seen: list[EnvironmentStatus] = []

        def look() -> None:
            scene.world.stuck_traffic = 50
            seen.append(status(scene.services())[1])
            scene.world.stuck_traffic = None

        scene.world.clock.at(9, look)
        promote(scene.services(), PROD)

        assert [prod.problems for prod in seen] == [("router-0 gives the candidate 50 %, declared was 25 %",)]

    def test_names_what_contradicts_itself(self, scene: Scene) -> None:
        scene.world.runs = lambda replica: (replace(replica, digest=image("f").digest),)

        _, prod = status(scene.services())

        assert not prod.healthy
        assert "ffffffffffff" in prod.problems[0]

    @pytest.mark.parametrize(("gone", "said"), [(60, False), (120, True)])
    def test_tells_when_nothing_is_heard_of_a_driver_for_longer_than_it_may_be_silent(
        self,
        scene: Scene,
        gone: float,
        said: bool,  # noqa: FBT001 - a table
    ) -> None:
        left_in_mid_canary(scene)
        scene.world.clock.advance(gone)

        _, prod = status(scene.services())

        heard = [problem for problem in prod.problems if "nothing was heard for" in problem]
        assert bool(heard) == said
        assert all("promotion 4, at observe 25 %; deploy resume prod goes on" in problem for problem in heard)

    def test_takes_a_driver_that_waits_for_a_person_as_silent_by_rights(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        pause(scene.services(), "prod", "lunch")
        scene.world.clock.advance(10_000)

        assert status(scene.services())[1].problems == ()

    def test_takes_a_destroyed_environment_for_what_it_is(self, scene: Scene) -> None:
        destroy(scene.services(), "prod")

        dev, prod = status(scene.services())

        assert (dev.drawn, prod.drawn, prod.release) == (True, False, None)
        assert (prod.healthy, prod.problems) == (True, ())
