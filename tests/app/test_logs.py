from dataclasses import replace

import pytest

from tests.fakes.scene import Scene
from tests.fakes.world import image
from towpath.app.logs import LogRequest, logs
from towpath.core.errors import Refused

PROD = LogRequest(environment="prod")


@pytest.fixture
def canary(scene: Scene) -> Scene:
    """Prod serves a, with b beside it; the replicas of both wrote something, and b goes on."""
    scene.serve_canary("prod", image("b"), traffic=25)
    scene.log("prod", "stable-0 | ready", "stable-0 | answered")
    scene.log("prod", "canary-0 | ready", "canary-0 | failed", canary=True, later=("canary-0 | failed again",))
    return scene


@pytest.mark.parametrize(
    ("wanted", "lines"),
    [
        (PROD, ["stable-0 | ready", "stable-0 | answered"]),
        (replace(PROD, canary=True), ["canary-0 | ready", "canary-0 | failed"]),
        (replace(PROD, canary=True, tail=1), ["canary-0 | failed"]),
        (replace(PROD, canary=True, tail=1, follow=True), ["canary-0 | failed", "canary-0 | failed again"]),
        (replace(PROD, tail=0, follow=True), []),
    ],
)
def test_of_an_arm_are_those_of_its_replicas(canary: Scene, wanted: LogRequest, lines: list[str]) -> None:
    assert list(logs(canary.services(), wanted)) == lines


@pytest.mark.parametrize("follow", [False, True])
def test_of_a_canary_that_is_not_there_are_refused(scene: Scene, *, follow: bool) -> None:
    with pytest.raises(Refused, match="prod runs no canary of iris") as error:
        logs(scene.services(), replace(PROD, canary=True, follow=follow))
    assert (error.value.exit_code, error.value.hint) == (3, "deploy status says what stands")


def test_of_a_release_that_is_not_there_are_refused(scene: Scene) -> None:
    scene.serve("prod", None)
    with pytest.raises(Refused, match="prod runs no release of iris"):
        logs(scene.services(), PROD)

    scene.world.drawn.pop("prod")
    with pytest.raises(Refused, match="prod runs no release of iris"):
        logs(scene.services(), PROD)
