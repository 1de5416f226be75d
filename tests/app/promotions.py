"""What tests of promotions ask of a scene."""

from collections.abc import Callable

import pytest

from tests.fakes.scene import Scene
from tests.fakes.store import Crashed
from towpath.app.control import pause
from towpath.app.promote import PromoteRequest, promote
from towpath.core.contract import Endpoint
from towpath.core.history import History, Kind
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft

ROUTE = ("**::iris.route",)
PROD = PromoteRequest(environment="prod")


def told(scene: Scene, environment: str = "prod") -> History:
    return history_of(scene.journal(environment).entries())


def traffic(scene: Scene) -> list[float]:
    """The candidate's percent after every run that changed only traffic."""
    return [up.canary.traffic for _, up, targets in scene.world.ups if targets == ROUTE and up.canary is not None]


def say(scene: Scene, kind: Kind, reason: str) -> None:
    """What another process writes when a person says so."""
    write(scene, Draft(kind=kind, promotion=4, payload={"reason": reason}))


def write(scene: Scene, draft: Draft) -> None:
    scene.journal("prod").append(lambda _entries: draft)


def at_up(scene: Scene, wanted: Callable[[Endpoint], bool], act: Callable[[], None]) -> None:
    """Do something while the engine draws such an endpoint, the first time."""

    def hook(_stack: str, endpoint: Endpoint) -> None:
        if wanted(endpoint):
            scene.world.before_up = None
            act()

    scene.world.before_up = hook


def left_in_mid_canary(scene: Scene) -> None:
    """A promotion whose driver was killed."""
    scene.world.clock.at(9, lambda: setattr(scene.store, "before", die))
    with pytest.raises(Crashed):
        promote(scene.services(), PROD)
    scene.store.before = None


def lunch(scene: Scene) -> None:
    pause(scene.services(), "prod", "lunch")


def starting(wanted: Endpoint) -> bool:
    return wanted.canary is not None and wanted.canary.traffic == 0


def die(operation: str, key: str) -> None:
    raise Crashed(operation, key)


def is_paused(scene: Scene) -> bool:
    now = told(scene).open
    return now is not None and bool(now.paused)
