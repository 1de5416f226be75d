"""What tests of promotions ask of a scene."""

from tests.fakes.scene import Scene
from towpath.app.promote import PromoteRequest
from towpath.core.history import History
from towpath.core.history_codec import history_of

ROUTE = ("**::iris.route",)
PROD = PromoteRequest(environment="prod")


def told(scene: Scene, environment: str = "prod") -> History:
    return history_of(scene.journal(environment).entries())


def traffic(scene: Scene) -> list[float]:
    """The candidate's percent after every run that changed only traffic."""
    return [up.canary.traffic for _, up, targets in scene.world.ups if targets == ROUTE and up.canary is not None]
