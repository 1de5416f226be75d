"""What may be taken away, and while what goes on nothing is."""

import pytest

from tests.app.promotions import left_in_mid_canary
from tests.fakes.scene import Scene
from towpath.app.destroy import PLATFORM, destroy
from towpath.core.errors import Busy, Refused


def test_the_platform_stays_while_somebody_holds_an_environment(scene: Scene) -> None:
    destroy(scene.services(), "dev")
    destroy(scene.services(), "prod")
    scene.holder = "bob@other"

    with pytest.raises(Busy, match="dev is held by bob@other"):
        destroy(scene.services(), PLATFORM)
    assert scene.world.destroyed == ["dev", "prod"]


def test_the_platform_goes_last(scene: Scene) -> None:
    for name in ("dev", "prod", PLATFORM):
        destroy(scene.services(), name)

    assert scene.world.destroyed == ["dev", "prod", PLATFORM]


def test_an_environment_stays_while_a_promotion_is_open(scene: Scene) -> None:
    left_in_mid_canary(scene)

    with pytest.raises(Refused, match="promotion 4 of prod is open"):
        destroy(scene.services(), "prod")
    assert scene.world.destroyed == []
