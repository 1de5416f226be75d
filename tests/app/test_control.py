"""A word from beside: pause, resume and abort of a promotion that somebody else drives, or nobody."""

from collections.abc import Callable

import pytest

from tests.app.promotions import (
    PROD,
    at_up,
    die,
    is_paused,
    left_in_mid_canary,
    lunch,
    say,
    starting,
    told,
    traffic,
    write,
)
from tests.fakes.scene import Scene, promotable
from tests.fakes.store import Crashed
from tests.fakes.world import image
from towpath.app.control import ANSWER_WAIT, abort, pause
from towpath.app.promote import promote
from towpath.app.resume import go_on, resume
from towpath.app.rollback import RollbackRequest, rollback
from towpath.core.contract import Endpoint
from towpath.core.errors import Busy, Interrupted, NeedsPerson, Refused, RolledBack
from towpath.core.history import Kind, Open
from towpath.core.journal import Draft
from towpath.core.promotion import Outcome, StepKind


def before_begin_of(scene: Scene, kind: StepKind, act: Callable[[], None]) -> None:
    """Do something after the driver has made up its mind to begin a step, before that is written."""

    def hook(operation: str, _key: str) -> None:
        if operation != "create":
            return
        scene.store.before = None
        now = told(scene).open
        if now is not None and now.plan.steps[now.next_step].kind is kind:
            act()
        else:
            scene.store.before = hook

    scene.store.before = hook


class TestAbort:
    def test_gives_stable_everything_back_without_a_mark(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: say(scene, Kind.ABORT, "wrong model"))

        with pytest.raises(RolledBack, match="wrong model"):
            promote(scene.services(), PROD)
        assert told(scene).bad == ()
        assert told(scene).closed[-1].outcome is Outcome.ABORTED

    def test_of_a_dead_driver_is_done_at_once(self, scene: Scene) -> None:
        left_in_mid_canary(scene)

        with pytest.raises(RolledBack, match="not today"):
            abort(scene.services(), "prod", "not today")
        assert scene.world.drawn["prod"] == scene.world.files["prod"]

    def test_while_the_last_replicas_start_is_not_too_late(self, scene: Scene) -> None:
        full = scene.world.files["prod"][0].replicas
        last = lambda wanted: wanted.canary is not None and wanted.canary.replicas == full  # noqa: E731 - a row of a table
        at_up(scene, last, lambda: say(scene, Kind.ABORT, "just in time"))

        with pytest.raises(RolledBack, match="just in time"):
            promote(scene.services(), PROD)
        assert scene.world.drawn["prod"] == scene.world.files["prod"]

    def test_in_the_moment_before_the_candidate_stays_is_heard(self, scene: Scene) -> None:
        before_begin_of(scene, StepKind.DRAW, lambda: say(scene, Kind.ABORT, "just in time"))

        with pytest.raises(RolledBack, match="just in time"):
            promote(scene.services(), PROD)
        assert scene.world.drawn["prod"] == scene.world.files["prod"]
        assert scene.world.files["prod"][0].release == image("a")

    def test_once_the_candidate_stays_is_refused(self, scene: Scene) -> None:
        heard: list[str] = []

        def too_late() -> None:
            with pytest.raises(Refused, match="the candidate stays") as refused:
                abort(scene.services(), "prod", "")
            heard.append(refused.value.hint)

        at_up(scene, lambda wanted: wanted.canary is None, too_late)
        promote(scene.services(), PROD)

        assert "deploy rollback prod" in heard[0]
        assert told(scene).closed[-1].outcome is Outcome.PROMOTED

    def test_ends_a_canary_less_promotion_before_it_gets_traffic(self) -> None:
        scene = promotable(canary=None)
        at_up(scene, lambda wanted: wanted.canary is not None, lambda: say(scene, Kind.ABORT, "no"))

        with pytest.raises(RolledBack, match="no"):
            promote(scene.services(), PROD)
        assert scene.world.drawn["prod"] == scene.world.files["prod"]

    def test_of_a_living_driver_waits_until_that_has_done_it(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        scene.holder = "bob@other"

        def driver_hears() -> None:
            scene.holder = ""
            now = told(scene).open
            assert now is not None
            with pytest.raises(RolledBack):
                go_on(scene.services(), now)

        scene.world.clock.at(5, driver_hears)
        with pytest.raises(RolledBack, match="wrong one") as error:
            abort(scene.services(), "prod", "wrong one")

        assert error.value.exit_code == 5
        asked = [line for line in scene.report.lines if line.startswith("its driver was asked")]
        assert asked == ["its driver was asked to give it up: prod is held by bob@other"]

    def test_of_a_living_driver_that_writes_nothing_says_so(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        scene.holder = "bob@other"
        begun = scene.world.clock.now()
        scene.world.clock.at(ANSWER_WAIT, lambda: say(scene, Kind.VERDICT, "it still looks"))

        with pytest.raises(NeedsPerson, match="doesn't answer"):
            abort(scene.services(), "prod", "")
        assert scene.world.clock.now() - begun >= 2 * ANSWER_WAIT

    def test_of_a_driver_that_ended_otherwise_is_not_called_done(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        scene.holder = "bob@other"
        promoted = Draft(kind=Kind.CLOSED, promotion=4, payload={"outcome": Outcome.PROMOTED, "reason": ""})
        scene.world.clock.at(5, lambda: write(scene, promoted))

        with pytest.raises(NeedsPerson, match="is promoted"):
            rollback(scene.services(), RollbackRequest(environment="prod"))

    def test_needs_no_checkout_of_the_program_it_was_opened_from(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        scene.program = "program-2"

        with pytest.raises(RolledBack):
            abort(scene.services(), "prod", "")

    def test_of_nothing_is_refused(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="no promotion of prod is open"):
            abort(scene.services(), "prod", "")


def paused_at(scene: Scene, wanted: Callable[[Endpoint], bool]) -> None:
    at_up(scene, wanted, lambda: lunch(scene))


def growing(wanted: Endpoint) -> bool:
    """Replicas are added beside traffic."""
    return wanted.canary is not None and wanted.canary.traffic > 0 and wanted.canary.replicas > 1


class TestPause:
    def test_keeps_a_canary_at_its_share(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: lunch(scene))
        scene.world.clock.at(300, lambda: setattr(scene.store, "before", die))

        with pytest.raises(Crashed):
            promote(scene.services(), PROD)

        assert traffic(scene) == [25]
        assert [line for line in scene.report.lines if line.startswith("paused;")] == [
            "paused; deploy resume prod goes on"
        ]

    @pytest.mark.parametrize("canary", [True, False])
    def test_while_the_candidate_starts_gives_it_no_traffic(self, *, canary: bool) -> None:
        scene = promotable() if canary else promotable(canary=None)
        paused_at(scene, starting)
        seen: list[tuple[int, list[float]]] = []

        def after_lunch() -> None:
            seen.append((len(scene.world.ups), traffic(scene)))
            scene.holder = "the driver"
            assert isinstance(resume(scene.services(), "prod"), Open)
            scene.holder = ""

        scene.world.clock.at(120, after_lunch)
        promote(scene.services(), PROD)

        assert seen == [(1, [])]
        assert told(scene).closed[-1].outcome is Outcome.PROMOTED

    def test_while_replicas_are_added_goes_on_looking(self, scene: Scene) -> None:
        paused_at(scene, growing)
        scene.world.clock.at(100, lambda: setattr(scene.observer.canary, "errors", 0.3))

        with pytest.raises(RolledBack, match="errors"):
            promote(scene.services(), PROD)
        assert told(scene).bad_reason(image("b"))

    def test_in_which_nothing_goes_wrong_ends_as_any_other(self, scene: Scene) -> None:
        paused_at(scene, growing)
        scene.world.clock.at(100, lambda: say(scene, Kind.UNPAUSED, ""))

        promote(scene.services(), PROD)

        assert told(scene).closed[-1].outcome is Outcome.PROMOTED
        assert traffic(scene)[-3:] == [25, 50, 95]

    def test_before_the_candidate_stays_leaves_it_no_traffic_when_the_user_stops_it(self, scene: Scene) -> None:
        before_begin_of(scene, StepKind.DRAW, lambda: lunch(scene))

        def stop() -> None:
            if traffic(scene)[-1] == 95:
                raise KeyboardInterrupt

        for second in range(30, 600, 10):
            scene.world.clock.at(second, lambda: stop() if is_paused(scene) else None)
        with pytest.raises(Interrupted):
            promote(scene.services(), PROD)

        assert traffic(scene)[-1] == 0

    def test_keeps_the_next_promote_from_going_on(self, scene: Scene) -> None:
        left_in_mid_canary(scene)
        pause(scene.services(), "prod", "lunch")

        with pytest.raises(Busy, match="is paused: lunch"):
            promote(scene.services(), PROD)

    def test_of_nothing_is_refused(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="no promotion of prod is open"):
            pause(scene.services(), "prod", "")
