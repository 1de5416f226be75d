"""What the driver does on a canary's bad days, and how a promotion ends then. What the judge says: tests/core/days."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes.scene import QUICK, Scene
from tests.fakes.world import image
from towpath.app.plan import PlanRequest, plan
from towpath.app.promote import PromoteRequest, promote
from towpath.core.canary_codec import policy_from_json
from towpath.core.errors import NeedsPerson, RolledBack
from towpath.core.history import Closed, Kind
from towpath.core.history_codec import history_of
from towpath.core.journal import json_map
from towpath.core.promotion import Outcome

PROD = PromoteRequest(environment="prod")


def last(scene: Scene) -> Closed:
    return history_of(scene.journal("prod").entries()).closed[-1]


def bad(scene: Scene) -> bool:
    return bool(history_of(scene.journal("prod").entries()).bad_reason(image("b")))


def silence(scene: Scene) -> None:
    scene.observer.stable.rate = scene.observer.canary.rate = 0


def swallow(scene: Scene) -> None:
    scene.observer.canary.rate = 0


def reset(scene: Scene) -> None:
    scene.observer.stable.requests = scene.observer.canary.requests = 0
    scene.observer.stable.failed = scene.observer.canary.failed = 0


def lose_router(scene: Scene) -> None:
    scene.observer.outage, scene.observer.problem = True, "router replica router-0: rq_xx of iris: -4 is negative"


def find_router(scene: Scene) -> None:
    scene.observer.outage = False


class TestThatPass:
    @pytest.mark.parametrize(
        "bad_day",
        [
            lambda s: s.world.clock.at(31, lambda: reset(s)),
            lambda s: (s.world.clock.at(31, lambda: lose_router(s)), s.world.clock.at(61, lambda: find_router(s))),
            lambda s: setattr(s.observer, "takes", 30.0),
        ],
        ids=["counters begin again", "polls are missing", "a look takes longer than its interval"],
    )
    def test_leave_a_good_release_promoted(self, scene: Scene, bad_day: Callable[[Scene], object]) -> None:
        bad_day(scene)

        promote(scene.services(), PROD)

        assert last(scene).outcome is Outcome.PROMOTED


class TestThatNobodyIsToBlameFor:
    def test_metrics_that_stay_away_end_it_by_name_and_without_a_mark(self, scene: Scene) -> None:
        scene.world.clock.at(31, lambda: lose_router(scene))

        with pytest.raises(RolledBack, match=r"no observation for .*rq_xx of iris: -4 is negative"):
            promote(scene.services(), PROD)
        assert not bad(scene)
        assert scene.world.drawn["prod"] == scene.world.files["prod"]

    def test_a_candidate_that_swallows_requests_loses_its_traffic_without_a_mark(self, scene: Scene) -> None:
        swallow(scene)

        with pytest.raises(RolledBack, match=r"the candidate answered nothing for 6.* s while stable answered"):
            promote(scene.services(), PROD)
        assert not bad(scene)

    def test_an_hour_without_traffic_asks_a_person(self, scene: Scene) -> None:
        scene.canary = replace(QUICK, max_time=3600)
        silence(scene)

        with pytest.raises(NeedsPerson, match="undecided after 3600 s: the candidate has answered no request") as asked:
            promote(scene.services(), PROD)
        said = "the candidate answered 0 requests of users and 0 probes, about 3,211 more are needed"
        assert said in asked.value.message
        assert asked.value.hint == (
            "deploy explain prod says what was missing, deploy plan --to prod what would decide it"
        )
        assert not bad(scene)
        assert last(scene).outcome is Outcome.INCONCLUSIVE

    def test_what_users_and_probes_were_too_few_for_is_told_apart(self, scene: Scene) -> None:
        scene.canary = replace(QUICK, max_time=60, probes=2.0)
        scene.observer.stable.rate = scene.observer.canary.rate = 3
        scene.observer.probe_stable.rate = scene.observer.probe_canary.rate = 2

        with pytest.raises(
            NeedsPerson, match=r"answered [1-9]\d+ requests of users and [1-9]\d+ probes, about [\d,]+ more"
        ):
            promote(scene.services(), PROD)

    @pytest.mark.parametrize("left", [("stable",), ("canary",), ()])
    def test_predictions_that_vanish_midway_keep_it_from_being_promoted(
        self, scene: Scene, left: tuple[str, ...]
    ) -> None:
        scene.canary = replace(QUICK, max_time=200, min_time=100)
        scene.observer.counting = ("stable", "canary")
        scene.world.clock.at(41, lambda: setattr(scene.observer, "counting", left))

        with pytest.raises(NeedsPerson, match=r"undecided after 2.. s: p (above|up to) 0.5 isn't counted any more"):
            promote(scene.services(), PROD)
        assert not bad(scene)


class TestThatTheCandidateIsToBlameFor:
    def test_answering_health_checks_only_is_rolled_back_and_marked(self, scene: Scene) -> None:
        scene.observer.canary.hangs = True

        with pytest.raises(RolledBack, match=r"candidate 100\.00%"):
            promote(scene.services(), PROD)
        assert bad(scene)


def pinned(scene: Scene) -> list[tuple[float, float]]:
    """Alpha and beta of every promotion, as they were opened."""
    opened = [entry for entry in scene.journal("prod").history() if entry.kind == Kind.OPENED]
    policies = [policy_from_json(json_map(entry.payload["policy"])) for entry in opened]
    return [(policy.alpha, policy.beta) for policy in policies]


class TestTryingAgain:
    def test_halves_the_chances_to_be_wrong_each_time(self, scene: Scene) -> None:
        scene.canary = replace(QUICK, max_time=30)
        scene.observer.stable.errors = scene.observer.canary.errors = 0.4
        for _ in range(3):
            with pytest.raises(NeedsPerson):
                promote(scene.services(), PROD)

        assert pinned(scene) == [(0.01, 0.05), (0.005, 0.025), (0.0025, 0.0125)]
        assert plan(scene.services(), PlanRequest(environment="prod")).tries == 3

    def test_what_nobody_looked_at_was_no_try(self, scene: Scene) -> None:
        scene.prober.failure = "answered 500"
        for _ in range(2):
            with pytest.raises(RolledBack):
                promote(scene.services(), replace(PROD, override_bad="the disk was full"))

        assert pinned(scene) == [(0.01, 0.05)] * 2

    def test_beside_another_stable_is_another_question(self, scene: Scene) -> None:
        scene.canary = replace(QUICK, max_time=30)
        scene.observer.stable.errors = scene.observer.canary.errors = 0.4
        with pytest.raises(NeedsPerson):
            promote(scene.services(), PROD)
        scene.serve("prod", image("c"), promotion=4)
        with pytest.raises(NeedsPerson):
            promote(scene.services(), PROD)

        assert pinned(scene) == [(0.01, 0.05)] * 2
