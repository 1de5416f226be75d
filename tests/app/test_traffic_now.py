"""How much an endpoint is asked now, for what a plan says."""

import pytest

from tests.app.promotions import PROD
from tests.fakes.scene import Scene
from towpath.app.plan import PlanRequest, plan
from towpath.app.promote import promote

A_DAY = 86_400.0


def planned_rate(scene: Scene, asked: float | None = None) -> float:
    traffic = plan(scene.services(), PlanRequest(environment="prod", requests_per_second=asked)).traffic
    assert traffic is not None
    return traffic.requests_per_second


@pytest.mark.parametrize("idle", [0.0, A_DAY], ids=["from the start", "after an idle day"])
def test_it_is_counted_now_whenever_the_counters_began(scene: Scene, idle: float) -> None:
    scene.observer.stable.rate = 0
    scene.world.clock.advance(idle)
    scene.observer.read()
    scene.observer.stable.rate = 50

    assert planned_rate(scene) == pytest.approx(50)


def test_of_too_few_requests_now_the_average_says_more(scene: Scene) -> None:
    promote(scene.services(), PROD)
    scene.observer.stable.requests, scene.observer.stable.rate = 0, 0.5
    scene.world.clock.advance(A_DAY)

    assert planned_rate(scene) == pytest.approx(0.5, rel=0.01)


def test_where_nothing_tells_a_rate_it_is_said_which_one_is_assumed(scene: Scene) -> None:
    scene.observer.stable.rate = 0

    assert planned_rate(scene) == 10
    assert "too few requests to tell a rate: 10/s are assumed; --rps N says otherwise" in scene.report.lines


def test_where_somebody_says_it_nothing_is_counted(scene: Scene) -> None:
    begun = scene.world.clock.now()

    assert planned_rate(scene, asked=7) == 7
    assert scene.world.clock.now() == begun
