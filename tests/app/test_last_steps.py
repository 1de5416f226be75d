"""The steps beyond the point of no return: all traffic is drawn, the file is written, both are proven."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.app.promotions import PROD, told
from tests.fakes.scene import Scene
from tests.fakes.world import image
from towpath.app.ports import Running
from towpath.app.promote import PromoteRequest, promote
from towpath.app.resume import resume
from towpath.core.contract import Endpoint
from towpath.core.errors import NeedsPerson
from towpath.core.promotion import Outcome

DEV = PromoteRequest(environment="dev", release=str(image("a")))
SENT = image("a").digest


def fail_to_draw(scene: Scene, times: int) -> None:
    """The engine fails so often when it is to give the candidate all traffic."""
    left = [times]

    def fail(_stack: str, wanted: Endpoint) -> None:
        if wanted.release == image("b") and left[0]:
            left[0] -= 1
            raise NeedsPerson("the engine failed: context deadline exceeded")

    scene.world.before_up = fail


class TestDraw:
    def test_that_fails_is_tried_once_more_and_said(self, scene: Scene) -> None:
        fail_to_draw(scene, 1)

        promote(scene.services(), PROD)

        said = "draw failed, trying once more: the engine failed: context deadline exceeded"
        assert scene.report.lines.count(said) == 1
        assert told(scene).closed[-1].outcome is Outcome.PROMOTED
        assert scene.world.drawn["prod"] == scene.world.files["prod"]

    def test_that_fails_twice_asks_a_person_and_can_be_gone_on_with(self, scene: Scene) -> None:
        fail_to_draw(scene, 2)

        with pytest.raises(NeedsPerson, match="context deadline exceeded") as error:
            promote(scene.services(), PROD)

        assert error.value.exit_code == 6
        assert scene.world.drawn["prod"][0].canary is not None
        closed = resume(scene.services(), "prod")
        assert closed is not None
        assert closed.outcome is Outcome.PROMOTED
        assert scene.world.drawn["prod"][0].release == image("b")


class TestProof:
    @pytest.mark.parametrize(
        ("runs", "said"),
        [
            (lambda one: (replace(one, digest=image("f").digest),), f"runs {image('f').digest}, not {SENT}"),
            (lambda one: (replace(one, digest=""),), f"runs an unknown image, not {SENT}"),
            (lambda _one: (), "  - 0 replicas of the release run, 1 were drawn"),
            (lambda one: (one, replace(one, name="twin")), "  - 2 replicas of the release run, 1 were drawn"),
            (
                lambda one: (one, replace(one, name="old-0", release_id="1b2c")),
                "  - old-0 still runs another release, 1b2c",
            ),
            (lambda one: (replace(one, ready=False),), "-0 isn't ready"),
        ],
    )
    def test_of_what_runs_names_what_differs_and_undoes_nothing(
        self, scene: Scene, runs: Callable[[Running], tuple[Running, ...]], said: str
    ) -> None:
        scene.world.runs = runs

        with pytest.raises(NeedsPerson) as error:
            promote(scene.services(), DEV)

        first, difference = error.value.message.splitlines()
        assert error.value.exit_code == 6
        assert first.endswith("was promoted to dev, but the proof fails; nothing was undone")
        assert difference.endswith(said)
        assert scene.world.drawn["dev"] == scene.world.files["dev"]
        assert scene.world.files["dev"][0].release == image("a")

    def test_of_the_file_runs_it_dry_and_names_what_it_would_change(self, scene: Scene) -> None:
        scene.serve("prod", None)

        def edit(_stack: str, wanted: Endpoint) -> None:
            if wanted.release is not None:
                scene.world.files["prod"] = (replace(scene.world.files["prod"][0], replicas=3),)

        scene.world.before_up = edit

        with pytest.raises(NeedsPerson) as error:
            promote(scene.services(), PROD)

        assert error.value.exit_code == 6
        assert error.value.message.splitlines()[1:] == ["  - pulumi up -s prod would update iris.route"]

    def test_that_failed_is_asked_for_again_once_it_is_mended(self, scene: Scene) -> None:
        scene.world.runs = lambda one: (replace(one, ready=False),)
        with pytest.raises(NeedsPerson, match="isn't ready"):
            promote(scene.services(), DEV)
        scene.world.runs = None

        closed = resume(scene.services(), "dev")

        assert closed is not None
        assert closed.outcome is Outcome.PROMOTED

    def test_fails_when_a_router_does_not_do_what_was_declared(self, scene: Scene) -> None:
        scene.world.stuck_traffic = 7

        with pytest.raises(NeedsPerson, match="seen: 7 %"):
            promote(scene.services(), PROD)
