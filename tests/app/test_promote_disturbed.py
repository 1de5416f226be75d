"""Promotions in a world of fakes: somebody else's hands, crashes, stops and the way back."""

import json
from dataclasses import replace

import pytest

from tests.app.promotions import PROD, told, traffic
from tests.fakes.scene import QUICK, Scene
from tests.fakes.store import Crashed
from tests.fakes.world import image, record
from towpath.app.promote import promote
from towpath.app.resume import resume, resume_all
from towpath.app.rollback import RollbackRequest, rollback
from towpath.app.status import history
from towpath.core.contract import Endpoint
from towpath.core.errors import Busy, Interrupted, NeedsPerson, Overridden, RolledBack
from towpath.core.history import Kind
from towpath.core.history_codec import history_from_json, history_of, history_to_json, snapshot
from towpath.core.journal import SNAPSHOT, Draft
from towpath.core.promotion import Outcome


class TestSomebodyElse:
    def test_who_holds_the_environment_is_named(self, scene: Scene) -> None:
        scene.holder = "bob@other"

        with pytest.raises(Busy, match="bob@other") as error:
            promote(scene.services(), PROD)
        assert error.value.exit_code == 4

    def test_who_draws_the_stack_in_mid_canary_ends_it_and_nothing_more_is_applied(self, scene: Scene) -> None:
        base = scene.world.drawn["prod"][0]
        scene.world.clock.at(9, lambda: scene.world.draw("prod", base))

        with pytest.raises(Overridden) as error:
            promote(scene.services(), PROD)

        assert error.value.exit_code == 5
        assert scene.world.drawn["prod"] == (base,)
        assert told(scene).bad == ()
        assert told(scene).closed[-1].outcome is Outcome.OVERRIDDEN

    def test_who_draws_the_stack_just_before_a_step_makes_it_fail_and_ends_the_promotion(self, scene: Scene) -> None:
        base = scene.world.drawn["prod"][0]

        def interfere(_stack: str, wanted: Endpoint) -> None:
            if wanted.canary is not None and wanted.canary.traffic > 0:
                scene.world.before_up = None
                scene.world.draw("prod", base)
                raise NeedsPerson("the candidate's cluster is gone")

        scene.world.before_up = interfere

        with pytest.raises(Overridden):
            promote(scene.services(), PROD)
        assert scene.world.drawn["prod"] == (base,)
        assert told(scene).bad == ()

    def test_who_draws_the_stack_in_a_roll_back_ends_it_too(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3
        other = Endpoint(name="iris", release=image("e"), promotion=9)

        def interfere(_stack: str, wanted: Endpoint) -> None:
            if wanted.canary is None:
                scene.world.before_up = None
                scene.world.draw("prod", other)
                raise Busy("the stack is locked")

        scene.world.before_up = interfere

        with pytest.raises(Overridden):
            promote(scene.services(), PROD)
        assert scene.world.drawn["prod"] == (other,)
        assert told(scene).open is None

    def test_who_draws_the_checked_in_file_in_a_roll_back_has_done_it(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3
        base = scene.world.drawn["prod"][0]

        def die(_stack: str, wanted: Endpoint) -> None:
            if wanted.canary is None:
                raise Crashed

        scene.world.before_up = die
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.world.before_up = None
        scene.world.draw("prod", base)

        with pytest.raises(RolledBack):
            resume(scene.services(), "prod")
        assert told(scene).bad_reason(image("b"))

    def test_whose_resources_stand_beside_the_endpoints_is_spared(self, scene: Scene) -> None:
        promote(scene.services(), PROD)

        targets = {target for _, _, targets in scene.world.ups for target in targets or ("everything",)}
        assert targets == {"**::iris", "**::iris.*", "**::iris.route"}

    def test_who_edits_the_stack_file_in_mid_canary_is_asked(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: scene.world.edits.update(prod=1))

        with pytest.raises(NeedsPerson, match="isn't what was pinned") as error:
            promote(scene.services(), PROD)

        assert error.value.exit_code == 6
        assert scene.world.drawn["prod"][0].release == image("b")

    def test_whose_lock_is_on_the_stack_is_waited_for(self, scene: Scene) -> None:
        tries: list[int] = []

        def locked(_stack: str, _wanted: Endpoint) -> None:
            tries.append(1)
            if len(tries) < 3:
                raise Busy("the stack is locked by process 17")

        scene.world.before_up = locked
        promote(scene.services(), PROD)

        assert any("process 17" in line for line in scene.report.lines)


class TestSnapshot:
    def test_of_every_moment_stands_for_the_entries_before_it(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3
        with pytest.raises(RolledBack):
            promote(scene.services(), PROD)
        entries = scene.journal("prod").entries()

        for length in range(len(entries) + 1):
            whole = history_of(entries[:length])
            assert history_from_json(json.loads(json.dumps(history_to_json(whole)))) == whole

    def test_that_does_not_say_what_was_begun_is_read_as_at_the_next_step(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: setattr(scene.store, "before", _crash))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.store.before = None
        kept = json.loads(json.dumps(history_to_json(told(scene))))
        del kept["open"]["started"]

        now = history_from_json(kept).open
        assert now is not None
        assert now.started == now.next_step

    def test_in_the_middle_of_a_promotion_changes_nothing(self, scene: Scene) -> None:
        scene.snapshot = snapshot
        for _ in range(12):
            promote(scene.services(), PROD)
            rollback(scene.services(), RollbackRequest(environment="prod", to=str(image("a"))))
            scene.releases.records = [record("b"), record("a")]
            scene.journal("prod").append(lambda _e: Draft(kind=Kind.ALLOWED, payload={"digest": image("b").digest}))

        assert any(entry.kind == SNAPSHOT for entry in scene.journal("prod").history())
        assert len(scene.journal("prod").entries()) < len(scene.journal("prod").history())
        assert told(scene).last_id == 3 + 24
        assert len(history(scene.services(), "prod")) == 24


class TestCrash:
    @pytest.mark.parametrize("deaths", [1, 2])
    @pytest.mark.parametrize("run", range(1, 7))
    def test_at_any_engine_run_is_resumed_to_the_end(self, scene: Scene, run: int, deaths: int) -> None:
        left = [Crashed] * deaths

        def die(_stack: str, _wanted: Endpoint) -> None:
            if len(scene.world.ups) == run - 1 and left:
                raise left.pop()

        scene.world.before_up = die
        for _ in range(deaths):
            with pytest.raises(Crashed):
                promote(scene.services(), PROD)

        closed = resume(scene.services(), "prod")

        assert closed is not None
        assert closed.outcome is Outcome.PROMOTED
        assert scene.world.drawn["prod"] == scene.world.files["prod"]
        assert scene.world.files["prod"][0].release == image("b")

    @pytest.mark.parametrize("run", [4, 5])
    def test_in_a_roll_back_is_resumed_to_the_roll_back(self, scene: Scene, run: int) -> None:
        scene.observer.canary.errors = 0.3

        def die(_stack: str, wanted: Endpoint) -> None:
            back = wanted.canary is None or (wanted.canary.traffic == 0 and len(scene.world.ups) > 1)
            if back and len(scene.world.ups) >= run - 2:
                scene.world.before_up = None
                raise Crashed

        scene.world.before_up = die
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)

        with pytest.raises(RolledBack):
            resume(scene.services(), "prod")
        assert scene.world.drawn["prod"] == scene.world.files["prod"]

    def test_long_ago_takes_the_traffic_away_before_it_goes_on(self, scene: Scene) -> None:
        def die(_stack: str, wanted: Endpoint) -> None:
            if wanted.canary is not None and wanted.canary.traffic == 50:
                scene.world.before_up = None
                raise Crashed

        scene.world.before_up = die
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.world.clock.advance(QUICK.max_gap + 1)

        resume(scene.services(), "prod")

        assert traffic(scene) == [25, 0, 25, 50, 95]

    def test_is_gone_on_with_by_the_next_promote(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: setattr(scene.store, "before", _crash))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.store.before = None

        done = promote(scene.services(), PROD)

        assert done.closed is not None
        assert done.closed.plan.id == 4

    def test_keeps_the_environment_from_another_candidate(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: setattr(scene.store, "before", _crash))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.store.before = None

        with pytest.raises(Busy, match="promotion 4"):
            promote(scene.services(), replace(PROD, release=str(image("a"))))

    def test_with_another_program_needs_a_person(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: setattr(scene.store, "before", _crash))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.store.before = None
        scene.program = "program-2"

        with pytest.raises(NeedsPerson, match=r"infra/ or stacks/ changed"):
            resume(scene.services(), "prod")
        assert traffic(scene) == [25, 0]

        with pytest.raises(NeedsPerson, match=r"infra/ or stacks/ changed"):
            resume_all(scene.services())
        assert traffic(scene) == [25, 0]

    def test_of_nothing_is_nothing(self, scene: Scene) -> None:
        assert resume_all(scene.services()) == ()


def _crash(operation: str, key: str) -> None:
    raise Crashed(operation, key)


class TestStop:
    def test_by_the_user_leaves_no_candidate_with_traffic(self, scene: Scene) -> None:
        def stop() -> None:
            raise KeyboardInterrupt

        scene.world.clock.at(9, stop)

        with pytest.raises(Interrupted) as error:
            promote(scene.services(), PROD)

        assert error.value.exit_code == 130
        assert traffic(scene)[-1] == 0
        assert resume(scene.services(), "prod") is not None
