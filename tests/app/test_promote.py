"""Promotions in a world of fakes: how they go well, how they end badly, and what they leave behind."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.fakes.store import Crashed
from tests.fakes.world import QUICK, Scene, image, record
from towpath.app.control import abort, pause
from towpath.app.destroy import destroy
from towpath.app.plan import PlanRequest, plan
from towpath.app.promote import PromoteRequest, promote
from towpath.app.resume import resume, resume_all
from towpath.app.rollback import RollbackRequest, rollback
from towpath.app.status import history, status
from towpath.core.contract import Endpoint
from towpath.core.errors import Busy, Interrupted, NeedsPerson, Overridden, Refused, RolledBack, UsageError
from towpath.core.history import History, Kind
from towpath.core.history_codec import history_from_json, history_of, history_to_json, snapshot
from towpath.core.journal import SNAPSHOT, Draft
from towpath.core.promotion import Outcome

ROUTE = ("**::iris.route",)
PROD = PromoteRequest(environment="prod")


@pytest.fixture
def scene() -> Scene:
    """Prod serves a, dev runs b, both were built from the same commit."""
    made = Scene()
    made.releases.records = [record("b"), record("a")]
    made.serve("dev", image("b"), promotion=1, replicas=1)
    made.serve("prod", image("a"), promotion=3)
    return made


def told(scene: Scene, environment: str = "prod") -> History:
    return history_of(scene.journal(environment).entries())


def traffic(scene: Scene) -> list[float]:
    """The candidate's percent after every run that changed only traffic."""
    return [up.canary.traffic for _, up, targets in scene.world.ups if targets == ROUTE and up.canary is not None]


class TestGoodRelease:
    def test_carries_all_traffic_is_written_and_proven(self, scene: Scene) -> None:
        done = promote(scene.services(), PROD)

        assert done.closed is not None
        assert done.closed.outcome is Outcome.PROMOTED
        expected = Endpoint(name="iris", release=image("b"), promotion=4, replicas=2)
        assert scene.world.drawn["prod"] == (expected,)
        assert scene.world.files["prod"] == (expected,)

    def test_gets_growing_traffic_by_runs_that_touch_nothing_else(self, scene: Scene) -> None:
        promote(scene.services(), PROD)

        assert traffic(scene) == [25, 50, 95]

    def test_never_changes_traffic_and_replicas_in_one_run(self, scene: Scene) -> None:
        promote(scene.services(), PROD)

        canaries = [up.canary for _, up, _ in scene.world.ups if up.canary is not None]
        for before, now in pairwise(canaries):
            assert before.traffic == now.traffic or before.replicas == now.replicas

    def test_is_smoked_before_it_gets_traffic(self, scene: Scene) -> None:
        scene.prober.failure = "answered 500"

        with pytest.raises(RolledBack, match="smoke request failed: answered 500"):
            promote(scene.services(), PROD)
        assert traffic(scene) == [0]

    def test_that_serves_already_changes_nothing(self, scene: Scene) -> None:
        scene.serve("dev", image("a"), promotion=1)

        assert promote(scene.services(), PROD).closed is None
        assert scene.world.ups == []

    def test_of_a_first_release_is_written_before_it_is_served(self, scene: Scene) -> None:
        scene.serve("prod", None)
        seen: list[object] = []
        scene.world.before_up = lambda stack, wanted: seen.append(
            (wanted.release is not None, scene.world.files[stack][0].release is not None)
        )

        promote(scene.services(), PROD)

        assert seen == [(False, False), (True, True)]

    def test_without_a_canary_is_smoked_before_it_gets_all_traffic(self, scene: Scene) -> None:
        scene.canary = None
        scene.prober.failure = "answered 500"

        with pytest.raises(RolledBack, match="smoke request failed: answered 500"):
            promote(scene.services(), PROD)
        assert scene.world.drawn["prod"] == scene.world.files["prod"]
        assert scene.world.files["prod"][0].release == image("a")

    def test_without_a_canary_is_ready_before_it_gets_all_traffic(self, scene: Scene) -> None:
        scene.canary = None

        promote(scene.services(), PROD)

        first, second = (up for _, up, _ in scene.world.ups)
        assert first.canary is not None
        assert (first.canary.traffic, first.canary.replicas) == (0, 2)
        assert second.release == image("b")

    def test_of_the_first_environment_is_the_newest_build_of_head(self, scene: Scene) -> None:
        scene.serve("dev", image("a"), promotion=1)

        done = promote(scene.services(), PromoteRequest(environment="dev"))

        assert done.candidate == image("b")

    def test_is_found_by_its_first_digits(self, scene: Scene) -> None:
        assert promote(scene.services(), replace(PROD, release="bbbb")).candidate == image("b")

    def test_leaves_a_history(self, scene: Scene) -> None:
        promote(scene.services(), PROD)

        (closed,) = history(scene.services(), "prod")
        assert (closed.plan.candidate, closed.plan.stable) == (image("b"), image("a"))


class TestBadRelease:
    def test_is_rolled_back_and_marked(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3

        with pytest.raises(RolledBack) as error:
            promote(scene.services(), PROD)

        assert error.value.exit_code == 5
        assert scene.world.drawn["prod"] == scene.world.files["prod"]
        assert scene.world.files["prod"][0].release == image("a")
        assert told(scene).bad_reason(image("b"))

    def test_loses_its_traffic_before_its_replicas(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3

        with pytest.raises(RolledBack):
            promote(scene.services(), PROD)

        (_, zero, targets), (_, gone, _) = scene.world.ups[-2:]
        assert targets == ROUTE
        assert zero.canary is not None
        assert zero.canary.traffic == 0
        assert gone.canary is None

    def test_that_gets_worse_with_nearly_all_traffic_is_rolled_back_while_it_soaks(self, scene: Scene) -> None:
        scene.canary = replace(QUICK, soak=200.0)
        scene.world.clock.at(100, lambda: setattr(scene.observer.canary, "errors", 0.3))

        with pytest.raises(RolledBack):
            promote(scene.services(), PROD)

        assert traffic(scene) == [25, 50, 95, 0]
        assert scene.world.drawn["prod"][0].release == image("a")

    def test_that_would_get_worse_later_is_promoted_without_a_soak(self, scene: Scene) -> None:
        scene.world.clock.at(100, lambda: setattr(scene.observer.canary, "errors", 0.3))

        promote(scene.services(), PROD)

        assert scene.world.drawn["prod"][0].release == image("b")

    def test_can_only_be_promoted_again_with_a_recorded_reason(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3
        with pytest.raises(RolledBack):
            promote(scene.services(), PROD)
        scene.observer.canary.errors = 0

        with pytest.raises(Refused, match="marked bad"):
            promote(scene.services(), PROD)
        promote(scene.services(), replace(PROD, override_bad="the upstream was down"))

        kinds = [entry.kind for entry in scene.journal("prod").entries()]
        assert Kind.ALLOWED in kinds

    def test_that_never_starts_is_rolled_back_without_a_mark(self, scene: Scene) -> None:
        def fail(_stack: str, wanted: Endpoint) -> None:
            if wanted.canary is not None and wanted.canary.traffic == 0 and len(scene.world.ups) == 0:
                scene.world.ups.append(("prod", wanted, ()))
                raise NeedsPerson("iris.abc.0 isn't ready after 60 s; its last lines: no such file")

        scene.world.before_up = fail

        with pytest.raises(RolledBack, match="no such file"):
            promote(scene.services(), PROD)
        assert told(scene).bad == ()

    def test_that_breaks_with_everything_else_is_held_not_blamed(self, scene: Scene) -> None:
        scene.observer.canary.errors = scene.observer.stable.errors = 0.4
        scene.canary = replace(QUICK, max_time=60)

        with pytest.raises(NeedsPerson, match="inconclusive"):
            promote(scene.services(), PROD)
        assert told(scene).bad == ()


class TestGates:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda s: s.missing.add(image("b").digest), "localhost:5055 has no iris@sha256:bbb"),
            (lambda s: s.releases.records.__setitem__(0, record("b", dirty=True)), "uncommitted work"),
            (lambda s: s.releases.records.__setitem__(0, record("b", passed=False)), "tests failed at build"),
            (lambda s: s.world.draw("prod", Endpoint(name="iris", release=image("a"))), "never applied"),
        ],
    )
    def test_refuse_before_anything_is_changed(self, scene: Scene, change: object, said: str) -> None:
        assert callable(change)
        change(scene)

        with pytest.raises(Refused, match=said) as error:
            promote(scene.services(), PROD)
        assert error.value.exit_code == 3
        assert scene.world.ups == []

    def test_refuse_what_the_environment_before_does_not_run(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="dev doesn't run"):
            promote(scene.services(), replace(PROD, release=str(image("c"))))

    def test_refuse_a_source_whose_replicas_disagree(self, scene: Scene) -> None:
        scene.world.drawn.pop("dev")

        with pytest.raises(Refused, match="dev runs no iris"):
            promote(scene.services(), PROD)

    def test_name_what_there_is_when_nothing_was_built(self, scene: Scene) -> None:
        scene.releases.records = [record("a", commit="e" * 40)]

        with pytest.raises(UsageError, match="aaaaaaaaaaaa"):
            promote(scene.services(), PromoteRequest(environment="dev"))

    def test_refuse_a_tag(self, scene: Scene) -> None:
        with pytest.raises(UsageError, match="not an image by digest"):
            promote(scene.services(), replace(PROD, release="localhost:5055/iris:latest"))


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
    @pytest.mark.parametrize("run", range(1, 7))
    def test_at_any_engine_run_is_resumed_to_the_end(self, scene: Scene, run: int) -> None:
        def die(_stack: str, _wanted: Endpoint) -> None:
            if len(scene.world.ups) == run - 1:
                scene.world.before_up = None
                raise Crashed

        scene.world.before_up = die
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

    def test_by_abort_gives_stable_everything_back_without_a_mark(self, scene: Scene) -> None:
        draft = Draft(kind=Kind.ABORT, promotion=4, payload={"reason": "wrong model"})

        def ask() -> None:
            scene.journal("prod").append(lambda _entries: draft)

        scene.world.clock.at(9, ask)

        with pytest.raises(RolledBack, match="wrong model"):
            promote(scene.services(), PROD)
        assert told(scene).bad == ()
        assert told(scene).closed[-1].outcome is Outcome.ABORTED

    def test_by_abort_of_a_dead_driver_is_done_at_once(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: setattr(scene.store, "before", _crash))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.store.before = None

        with pytest.raises(RolledBack, match="not today"):
            abort(scene.services(), "prod", "not today")
        assert scene.world.drawn["prod"] == scene.world.files["prod"]

    def test_by_pause_takes_no_step(self, scene: Scene) -> None:
        def ask() -> None:
            pause(scene.services(), "prod", "lunch")

        scene.world.clock.at(9, ask)
        scene.world.clock.at(300, lambda: setattr(scene.store, "before", _crash))

        with pytest.raises(Crashed):
            promote(scene.services(), PROD)

        assert traffic(scene) == [25]

    def test_of_nothing_is_refused(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="no promotion of prod is open"):
            pause(scene.services(), "prod", "")


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

    def test_without_an_earlier_release_is_refused(self, scene: Scene) -> None:
        with pytest.raises(Refused, match="no other release"):
            rollback(scene.services(), RollbackRequest(environment="prod"))


class TestProof:
    def test_fails_when_another_digest_runs(self, scene: Scene) -> None:
        promote(scene.services(), PromoteRequest(environment="dev", release=str(image("a"))))
        scene.world.wrong_digest = image("f").digest

        with pytest.raises(NeedsPerson, match="runs sha256:ffff"):
            promote(scene.services(), PromoteRequest(environment="dev", release=str(image("b"))))

    def test_fails_when_a_router_does_not_do_what_was_declared(self, scene: Scene) -> None:
        scene.world.stuck_traffic = 7

        with pytest.raises(NeedsPerson, match="seen: 7 %"):
            promote(scene.services(), PROD)


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
        scene.world.wrong_digest = image("f").digest

        _, prod = status(scene.services())

        assert not prod.healthy
        assert "ffffffffffff" in prod.problems[0]

    def test_takes_a_destroyed_environment_for_what_it_is(self, scene: Scene) -> None:
        destroy(scene.services(), "prod")

        dev, prod = status(scene.services())

        assert (dev.drawn, prod.drawn, prod.release) == (True, False, None)
        assert (prod.healthy, prod.problems) == (True, ())
