"""Going on with what was left open: one promotion by name, or all of them on a schedule."""

import pytest

from tests.app.promotions import PROD, at_up, die, is_paused, left_in_mid_canary, starting, told, traffic
from tests.fakes.scene import QUICK, Scene
from tests.fakes.store import Crashed
from tests.fakes.world import image
from towpath.app.control import pause
from towpath.app.promote import PromoteRequest, promote
from towpath.app.resume import resume, resume_all
from towpath.core.errors import Busy, NeedsPerson, RolledBack
from towpath.core.promotion import Outcome
from towpath.core.watch import decode_look


def looked_by(scene: Scene) -> list[bool]:
    """Of each look at prod's newest candidate, whether another driver had looked before."""
    history = told(scene)
    promotion = history.closed[-1].plan.id if history.open is None else history.open.plan.id
    looks = scene.services().journals("prod").chunks(promotion).values()
    return [decode_look(data).resumed for data in looks]


class TestResume:
    def test_of_a_pause_that_nobody_looked_after_takes_the_traffic_away_first(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        scene.world.clock.advance(QUICK.max_gap + 1)
        pause(scene.services(), "prod", "lunch")

        resume(scene.services(), "prod")

        assert traffic(scene) == [25, 0, 25, 50, 95]

    def test_notes_at_its_first_look_alone_that_another_driver_looked_before(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        before = len(looked_by(scene))

        resume(scene.services(), "prod")

        by_another = looked_by(scene)
        assert before
        assert [place for place, resumed in enumerate(by_another) if resumed] == [before]

    def test_of_another_driver_that_takes_it_over_meanwhile_is_no_success(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        pause(scene.services(), "prod", "lunch")
        scene.world.clock.at(3, lambda: setattr(scene.held, "lost", True))

        with pytest.raises(Busy, match="took over"):
            resume(scene.services(), "prod")


class TestResumeAll:
    def test_needs_nobody_for_a_paused_candidate_without_traffic(self, scene: Scene) -> None:
        at_up(scene, starting, lambda: die("up", "prod"))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        pause(scene.services(), "prod", "lunch")

        assert resume_all(scene.services()) == ()
        assert scene.world.ups == []

    def test_looks_after_a_paused_candidate_with_traffic(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        pause(scene.services(), "prod", "lunch")
        scene.world.clock.at(60, lambda: setattr(scene.observer.canary, "errors", 0.3))

        with pytest.raises(RolledBack, match="errors"):
            resume_all(scene.services())

    def test_leaves_a_pause_and_a_living_driver_alone(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        pause(scene.services(), "prod", "lunch")
        scene.holder = "bob@other"

        assert resume_all(scene.services()) == ()
        assert is_paused(scene)
        assert any("left to its driver" in line for line in scene.report.lines)

    def test_gives_every_environment_its_turn_before_it_fails(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        at_up(scene, starting, lambda: die("up", "dev"))
        with pytest.raises(Crashed):
            promote(scene.services(), PromoteRequest(environment="dev", release=str(image("a"))))
        lost = told(scene, "dev").open
        assert lost is not None
        del scene.store.objects[f"pinned/{lost.plan.file_sha256}.yaml"]

        with pytest.raises(NeedsPerson, match="missing from the state"):
            resume_all(scene.services())
        assert any(line.startswith("dev: ") for line in scene.report.lines)
        assert told(scene).closed[-1].outcome is Outcome.PROMOTED
