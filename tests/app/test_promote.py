"""Promotions in a world of fakes: how they go well, how they end badly, and what they leave behind."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.app.promotions import PROD, ROUTE, told, traffic
from tests.fakes.scene import QUICK, Scene, promotable
from tests.fakes.store import Crashed
from tests.fakes.world import image, record
from towpath.app.promote import PromoteRequest, promote
from towpath.app.status import history
from towpath.core.contract import Endpoint
from towpath.core.errors import NeedsPerson, Refused, RolledBack, UsageError
from towpath.core.history import Kind
from towpath.core.promotion import Outcome


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

    def test_is_probed_at_the_pace_that_was_asked_between_two_looks(self) -> None:
        scene = promotable(canary=replace(QUICK, probes=3.0, poll=10))
        promote(scene.services(), PROD)

        assert scene.prober.fired
        assert set(scene.prober.fired) == {(30, 10.0)}

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


def disagree(scene: Scene) -> None:
    scene.world.runs = lambda one: (one, replace(one, name=f"{one.name}-too", digest=image("c").digest))


def leave_open(scene: Scene) -> None:
    """The driver of a promotion to dev dies."""

    def die(_stack: str, _wanted: Endpoint) -> None:
        raise Crashed

    scene.world.before_up = die
    with pytest.raises(Crashed):
        promote(scene.services(), PromoteRequest(environment="dev", release=str(image("a"))))


class TestGates:
    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda s: s.missing.add(image("b").digest), "localhost:5055 has no iris@sha256:bbb"),
            (lambda s: s.releases.records.__setitem__(0, record("b", dirty=True)), "uncommitted work"),
            (lambda s: s.releases.records.__setitem__(0, record("b", passed=False)), "tests failed at build"),
            (lambda s: s.world.draw("prod", Endpoint(name="iris", release=image("a"))), "never applied"),
            (lambda s: setattr(s.file_port, "refusal", "no room on the disk"), "file: no room on the disk"),
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

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            (lambda s: s.world.drawn.pop("dev"), "dev runs no iris"),
            (disagree, "replicas of iris in dev run 2 different releases"),
            (leave_open, "dev is in the middle of promotion 2"),
            (
                lambda s: s.releases.records.pop(0),
                "dev runs bbbbbbbbbbbb, and there is no record of how it was built",
            ),
        ],
        ids=["nothing runs", "replicas disagree", "a promotion is open", "no record"],
    )
    def test_refuse_a_source_that_does_not_say_what_to_promote(
        self, scene: Scene, change: Callable[[Scene], object], said: str
    ) -> None:
        change(scene)

        with pytest.raises(Refused, match=said) as error:
            promote(scene.services(), PROD)
        assert error.value.exit_code == 3
        assert scene.world.ups == []

    def test_name_what_there_is_when_nothing_was_built(self, scene: Scene) -> None:
        scene.releases.records = [record("a", commit="e" * 40)]

        with pytest.raises(UsageError, match="aaaaaaaaaaaa"):
            promote(scene.services(), PromoteRequest(environment="dev"))

    def test_refuse_a_tag(self, scene: Scene) -> None:
        with pytest.raises(UsageError, match="not an image by digest"):
            promote(scene.services(), replace(PROD, release="localhost:5055/iris:latest"))


class TestNamed:
    def test_by_first_digits_a_release_that_was_built_twice_is_one(self, scene: Scene) -> None:
        scene.releases.records = [record("b"), record("b", dirty=True), record("a")]

        assert promote(scene.services(), replace(PROD, release="bbbb")).candidate == image("b")

    def test_by_too_few_digits_it_may_be_meant_as_something_else(self, scene: Scene) -> None:
        with pytest.raises(UsageError, match="no release of iris begins with 'b'") as refused:
            promote(scene.services(), replace(PROD, release="b"))
        assert "at least 4 of its first digits" in refused.value.hint

    def test_by_what_fits_several_only_those_are_listed(self, scene: Scene) -> None:
        twin = replace(record("b"), image=replace(image("b"), digest=f"sha256:{'b' * 63}c"))
        scene.releases.records += [twin]

        with pytest.raises(UsageError, match="'bbbb' fits 2 releases") as refused:
            promote(scene.services(), replace(PROD, release="bbbb"))
        assert "aaaa" not in refused.value.message
