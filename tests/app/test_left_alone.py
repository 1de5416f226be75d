"""A candidate with traffic that its driver can't look after: whatever went wrong, the traffic is taken away."""

import errno
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.app.promotions import PROD, at_up, starting, told, traffic
from tests.fakes.scene import Scene
from tests.fakes.store import Crashed
from tests.fakes.world import image, record
from towpath.app.control import abort
from towpath.app.promote import promote
from towpath.app.resume import resume, resume_all
from towpath.app.run import LOCK_WAIT
from towpath.app.services import Services
from towpath.core.contract import Endpoint
from towpath.core.errors import (
    Busy,
    Interrupted,
    Missing,
    NeedsPerson,
    Refused,
    RolledBack,
    TowpathError,
    UsageError,
)
from towpath.core.journal import entry_key
from towpath.core.promotion import Outcome
from towpath.core.release import ImageRef

FULL = OSError(errno.ENOSPC, "No space left on device", "/tmp/overlay")  # noqa: S108 - a message, not a file
GONE = Missing("the Docker daemon doesn't answer")


def wants(percent: float) -> Callable[[Endpoint], bool]:
    return lambda wanted: wanted.canary is not None and wanted.canary.traffic == percent


def fail(error: BaseException) -> None:
    raise error


def fail_at(scene: Scene, wanted: Callable[[Endpoint], bool], error: BaseException) -> None:
    """Every time the engine is to draw such an endpoint."""
    scene.world.before_up = lambda _stack, endpoint: fail(error) if wanted(endpoint) else None


def serving(scene: Scene) -> tuple[ImageRef | None, float]:
    """The stable release of prod, and the candidate's percent."""
    (drawn,) = scene.world.drawn["prod"]
    return drawn.release, 0 if drawn.canary is None else drawn.canary.traffic


class TestAStepFails:
    @pytest.mark.parametrize(
        "error",
        [Refused("the program refused to draw"), GONE, UsageError("outputs can't be read"), FULL],
        ids=["refused", "missing", "usage", "disk full"],
    )
    def test_before_the_candidate_stays_so_it_is_taken_back_without_blame(self, scene: Scene, error: Exception) -> None:
        fail_at(scene, wants(50), error)

        with pytest.raises(RolledBack):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("a"), 0)
        assert (told(scene).open, told(scene).bad) == (None, ())

    @pytest.mark.parametrize("error", [UsageError("Pulumi.prod.yaml isn't there"), FULL], ids=["usage", "disk full"])
    def test_once_it_stays_and_a_person_is_needed(self, scene: Scene, error: Exception) -> None:
        scene.file_port.full = error

        with pytest.raises(NeedsPerson, match="prod: write failed: "):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("b"), 0)

    def test_because_another_engine_has_the_stack_so_the_way_back_waits_for_that_as_long_as_it_takes(
        self, scene: Scene
    ) -> None:
        ends = scene.world.clock.monotonic() + 3 * LOCK_WAIT

        def locked(_stack: str, wanted: Endpoint) -> None:
            ramped = wanted.canary is None or wanted.canary.traffic != 25
            if scene.world.drawn["prod"][0].canary is not None and ramped and scene.world.clock.monotonic() < ends:
                raise Busy("prod is locked by bob@box")

        scene.world.before_up = locked

        with pytest.raises(RolledBack, match=r"prod is locked by bob@box, for longer than 120 s"):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("a"), 0)
        assert scene.world.clock.monotonic() > ends
        assert len([line for line in scene.report.lines if "waiting for another engine" in line]) == 2


class TestALookFails:
    @pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyError("gone")])
    def test_in_a_way_nobody_thought_of_so_the_traffic_goes_and_the_rest_can_be_resumed(
        self, scene: Scene, error: Exception
    ) -> None:
        scene.world.clock.at(9, lambda: setattr(scene.observer, "fails", error))

        with pytest.raises(type(error)):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("a"), 0)
        assert "the candidate has no traffic; deploy resume prod goes on" in scene.report.lines
        scene.observer.fails = None
        resume(scene.services(), "prod")
        assert serving(scene) == (image("b"), 0)

    def test_and_so_does_the_way_back_which_is_said_with_what_to_do(self, scene: Scene) -> None:
        def broken() -> None:
            fail_at(scene, wants(0), FULL)
            scene.observer.fails = RuntimeError("a bug")

        scene.world.clock.at(9, broken)

        with pytest.raises(RuntimeError):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("a"), 25)
        assert any("could not be set to 0: [Errno 28]" in line for line in scene.report.lines)
        assert any("pulumi up -s prod gives stable all of it" in line for line in scene.report.lines)

    def test_because_somebody_took_the_lease_so_the_candidate_is_left_to_them(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: setattr(scene.held, "lost", True))

        with pytest.raises(Busy):
            promote(scene.services(), PROD)

        assert not any("traffic" in line and "could not" in line for line in scene.report.lines)


class TestStopped:
    def test_in_a_roll_back_so_the_traffic_goes_all_the_same(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3
        at_up(scene, lambda wanted: wants(0)(wanted) and bool(scene.world.ups[1:]), lambda: fail(KeyboardInterrupt()))

        with pytest.raises(Interrupted, match="the candidate has no traffic"):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("a"), 0)

    def test_twice_and_then_it_is_said_that_the_traffic_stays(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: fail(KeyboardInterrupt()))
        fail_at(scene, lambda wanted: wants(0)(wanted) and bool(scene.world.ups[1:]), KeyboardInterrupt())

        with pytest.raises(Interrupted, match=r"could not be set to 0: that was stopped too; pulumi up -s prod"):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("a"), 25)


class TestAStartThatFailed:
    @pytest.mark.parametrize("error", [NeedsPerson("replica 1 was never ready"), GONE], ids=["half way", "no daemon"])
    def test_may_have_left_replicas_so_what_was_there_before_is_drawn(self, scene: Scene, error: TowpathError) -> None:
        at_up(scene, starting, lambda: fail(error))

        with pytest.raises(
            RolledBack, match="the candidate didn't start" if isinstance(error, NeedsPerson) else "start"
        ):
            promote(scene.services(), PROD)

        ((_, drawn, targets),) = scene.world.ups
        assert (drawn.release, drawn.canary, targets) == (image("a"), None, ())

    @pytest.mark.parametrize("end", [Crashed(), KeyboardInterrupt()], ids=["killed", "stopped"])
    def test_and_was_given_up_later_likewise(self, scene: Scene, end: BaseException) -> None:
        at_up(scene, starting, lambda: fail(end))
        with pytest.raises((Crashed, Interrupted)):
            promote(scene.services(), PROD)
        assert scene.world.ups == []

        with pytest.raises(RolledBack):
            abort(scene.services(), "prod", "")

        assert [drawn.canary for _, drawn, _ in scene.world.ups] == [None]


class TestKilled:
    def test_between_a_shift_and_its_note_so_whoever_comes_late_takes_the_traffic_away_first(
        self, scene: Scene
    ) -> None:
        def die_noting(operation: str, _key: str) -> None:
            if operation == "create" and serving(scene)[1] == 25:
                raise Crashed

        scene.store.before = die_noting
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.store.before = None
        scene.world.clock.advance(36_000)

        resume(scene.services(), "prod")

        assert traffic(scene) == [25, 0, 25, 50, 95]


class TestOthers:
    @pytest.mark.parametrize("go_on", [lambda world: promote(world, PROD), lambda world: resume(world, "prod")])
    def test_who_end_it_while_its_lease_is_waited_for_decide_what_is_said_of_it(
        self, scene: Scene, go_on: Callable[[Services], object]
    ) -> None:
        at_up(scene, starting, lambda: fail(Crashed()))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)

        def given_up() -> None:
            with pytest.raises(RolledBack):
                abort(scene.services(), "prod", "somebody else was quicker")

        scene.meanwhile = given_up
        with pytest.raises(RolledBack, match="somebody else was quicker"):
            go_on(scene.services())
        assert told(scene).closed[-1].outcome is Outcome.ABORTED

    def test_who_promote_first_leave_a_bad_mark_that_was_to_be_overridden(self, scene: Scene) -> None:
        scene.observer.canary.errors = 0.3
        with pytest.raises(RolledBack):
            promote(scene.services(), PROD)
        scene.observer.canary.errors = 0.0

        def another() -> None:
            scene.releases.records.append(record("c"))
            scene.serve("dev", image("c"), promotion=2, replicas=1)
            promote(scene.services(), PROD)

        scene.meanwhile = another
        with pytest.raises(Busy):
            promote(scene.services(), replace(PROD, override_bad="it was the network"))

        assert told(scene).bad_reason(image("b"))

    def test_whose_program_changed_meanwhile_draw_no_further_step(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: setattr(scene, "program", "program-2"))

        with pytest.raises(NeedsPerson, match="infra/ or stacks/ changed"):
            promote(scene.services(), PROD)

        assert serving(scene) == (image("a"), 0)
        assert told(scene).open is not None

    def test_environments_have_their_turn_whatever_is_wrong_with_ones_journal(self, scene: Scene) -> None:
        scene.world.clock.at(9, lambda: fail(Crashed()))
        with pytest.raises(Crashed):
            promote(scene.services(), PROD)
        scene.observer.canary.errors = 0.3
        scene.store.objects[entry_key("dev", 1)] = b'{"format": 99}'

        with pytest.raises(Refused, match="journal/dev"):
            resume_all(scene.services())

        assert serving(scene) == (image("a"), 0)
