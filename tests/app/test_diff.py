"""A candidate beside stable: in the middle of a canary, after it, and where there is none."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.fakes.scene import Scene
from tests.fakes.world import image, record
from towpath.app.diff import Diff, DiffRequest, diff
from towpath.app.promote import PromoteRequest, promote
from towpath.core.contract import Endpoint
from towpath.core.errors import Refused, RolledBack, UsageError
from towpath.core.history import Closed, Open
from towpath.core.promotion import Outcome

PROMOTE = PromoteRequest(environment="prod")
MID = 32.0  # seconds from the first: candidate and stable share the traffic, and were looked at a few times
LATE = 55.0  # … in more than one step


def seen(scene: Scene, after: float = MID, *, log: Callable[[], None] | None = None, seconds: float = 5.0) -> Diff:
    """What another terminal says so many seconds into a promotion that succeeds."""
    found: list[Diff] = []

    def look() -> None:
        if log is not None:
            log()
        found.append(diff(scene.services(), DiffRequest(environment="prod", seconds=seconds)))

    scene.world.clock.at(after, look)
    promote(scene.services(), PROMOTE)
    return found[0]


def line(at: float, x: float, answer: float, *, probe: bool = False) -> str:
    document = {
        "towpath": "prediction",
        "v": 1,
        "at": at,
        "release": None,
        "probe": probe,
        "seconds": 0.01,
        "status": 200,
        "inputs": {"x": [[x, 1 - x]]},
        "outputs": {"score": [answer]},
    }
    return "replica-0 | " + json.dumps(document, separators=(",", ":"))


def log_of(scene: Scene, shift: float, count: int = 300, *, since: float = 5.0, probe: bool = False) -> None:
    """The same requests in both logs; the candidate answers those above 0.75 otherwise."""
    drawn = scene.world.outputs("prod").endpoints[0]
    assert drawn.stable is not None
    assert drawn.canary is not None
    at = scene.world.clock.now() - since
    for arm, moved in ((drawn.stable, 0.0), (drawn.canary, shift)):
        rows = [(i % 100 / 100, (i * 37 % 101) / 101) for i in range(count)]
        lines = [line(at, x, noise + (moved if x > 0.75 else 0), probe=probe) for x, noise in rows]
        scene.world.logged[arm.release_id] = ("replica-0 | INFO started", *lines)


def test_a_canary_under_way_is_counted_from_its_first_look_until_now(scene: Scene) -> None:
    scene.observer.stable.errors, scene.observer.canary.errors = 0.01, 0.01

    found = seen(scene)

    assert (found.under_way, found.promotion.plan.id) == (True, 4)
    assert found.counted.until == 1_700_000_000.0 + MID + 5
    live, seconds = found.counted.live, found.counted.until - found.counted.since
    assert live.stable.cases == live.canary.cases == 50 * seconds
    assert live.errors is not None
    assert live.errors.low < 0 < live.errors.high
    assert found.counted.probe.canary.cases == 0


def test_looking_changes_nothing(scene: Scene) -> None:
    other = Scene()
    other.releases.records = scene.releases.records
    other.serve("dev", image("b"), promotion=1, replicas=1)
    other.serve("prod", image("a"), promotion=3)
    promote(other.services(), PROMOTE)
    seen(scene)

    assert [entry.kind for entry in scene.journal("prod").history()] == [
        entry.kind for entry in other.journal("prod").history()
    ]
    assert scene.world.ups == other.world.ups


def test_containers_are_read_twice_and_held_against_the_requests_in_between(scene: Scene) -> None:
    found = seen(scene)

    assert found.canary is not None
    assert found.canary.requests == 250
    assert found.canary.cores == pytest.approx(0.25 * found.canary.replicas)
    assert found.canary.cpu_per_request == pytest.approx(0.25 * found.canary.replicas * 5 / 250)
    assert "watching the containers for 5 s" in scene.report.begun


def test_probes_have_a_price_too(scene: Scene) -> None:
    scene.observer.probe_canary.rate = 10

    found = seen(scene)

    assert found.canary is not None
    assert found.canary.requests == 300


def test_without_waiting_there_is_memory_and_no_cpu(scene: Scene) -> None:
    found = seen(scene, seconds=0)

    assert found.stable is not None
    assert (found.stable.cores, found.stable.cpu_per_request) == (None, None)
    assert found.stable.memory_bytes == 2 * 100 * 2**20


def test_the_slice_whose_answers_moved_comes_first(scene: Scene) -> None:
    found = seen(scene, log=lambda: log_of(scene, 0.4))

    assert found.live is not None
    assert found.probe is None
    worst = found.live.shifts[0]
    assert (worst.where.feature, worst.where.above, worst.measure.spoken) == ("x[0]", 0.75, "mean score")
    assert worst.difference.sure
    assert worst.difference.value == pytest.approx(0.4)
    assert not [note for note in found.notes if note.startswith("no slices")]


def test_probes_are_a_stratum_of_their_own(scene: Scene) -> None:
    found = seen(scene, log=lambda: log_of(scene, 0.4, probe=True))

    assert found.live is None
    assert found.probe is not None
    assert found.probe.shifts[0].difference.sure


def test_samples_from_before_the_canary_do_not_count(scene: Scene) -> None:
    found = seen(scene, log=lambda: log_of(scene, 0.4, since=3600))

    assert (found.live, found.probe) == (None, None)


def test_samples_of_different_steps_are_not_held_against_one_another(scene: Scene) -> None:
    def log() -> None:
        log_of(scene, 0.4, since=1.0)
        drawn = scene.world.outputs("prod").endpoints[0].stable
        assert drawn is not None
        begun = scene.world.clock.now() - LATE
        early = tuple(line(begun + 10, i % 100 / 100, 0.3) for i in range(300))
        scene.world.logged[drawn.release_id] = early

    found = seen(scene, after=LATE, log=log)

    assert len(found.counted.ends) > 1
    assert found.live is not None
    assert (found.live.stable, found.live.canary, found.live.compared) == (0, 0, 0)


def test_without_samples_it_is_said_how_to_have_some(scene: Scene) -> None:
    found = seen(scene)

    (note,) = [note for note in found.notes if note.startswith("no slices")]
    assert 'put TOWPATH_SAMPLE: "0.1" into env of iris in Pulumi.prod.yaml' in note


def test_too_few_samples_are_said_to_be(scene: Scene) -> None:
    found = seen(scene, log=lambda: log_of(scene, 0.4, count=30))

    assert found.live is not None
    assert found.live.compared == 0
    assert any("one needs 50 samples of each arm, there are 30 of stable and 30" in note for note in found.notes)


def test_lines_that_can_not_be_read_are_counted(scene: Scene) -> None:
    def log() -> None:
        log_of(scene, 0.0)
        for name, lines in scene.world.logged.items():
            scene.world.logged[name] = (*lines, 'replica-0 | {"towpath":"prediction","v":2}')

    assert "1 predictions in the log of stable can't be read" in seen(scene, log=log).notes


def test_after_a_promotion_the_recorded_looks_are_compared(scene: Scene) -> None:
    promote(scene.services(), PROMOTE)
    reads = scene.observer.reads

    found = diff(scene.services(), DiffRequest(environment="prod"))

    assert isinstance(found.promotion, Closed)
    assert (found.under_way, found.promotion.outcome) == (False, Outcome.PROMOTED)
    assert found.counted.live.canary.cases > 0
    assert found.counted.until < scene.world.clock.now()
    assert scene.observer.reads == reads + 2
    assert found.stable is None
    assert found.canary is not None
    assert found.canary.replicas == 2
    assert "no slices: the replicas of stable are gone, and their log with them" in found.notes


def test_after_a_roll_back_the_candidates_replicas_are_gone(scene: Scene) -> None:
    scene.observer.canary.errors = 0.6
    with pytest.raises(RolledBack):
        promote(scene.services(), PROMOTE)

    found = diff(scene.services(), DiffRequest(environment="prod"))

    assert found.counted.live.errors is not None
    assert found.counted.live.errors.sure
    assert found.counted.live.errors.value == pytest.approx(0.6, abs=0.02)
    assert found.canary is None
    assert found.stable is not None


def test_a_promotion_that_is_all_but_done_is_compared_by_its_recorded_looks(scene: Scene) -> None:
    found: list[Diff] = []

    def soon(_stack: str, wanted: Endpoint) -> None:
        if wanted.canary is None:
            look = DiffRequest(environment="prod", seconds=0)
            scene.world.clock.at(1, lambda: found.append(diff(scene.services(), look)))

    scene.world.before_up = soon
    promote(scene.services(), PROMOTE)

    assert isinstance(found[0].promotion, Open)
    assert not found[0].under_way
    assert found[0].counted.live.canary.cases > 0
    assert found[0].canary is not None


def test_a_promotion_can_be_named(scene: Scene) -> None:
    promote(scene.services(), PROMOTE)
    scene.serve("dev", image("c"), promotion=2)
    scene.releases.records = [record("c"), *scene.releases.records]
    promote(scene.services(), PROMOTE)

    request = DiffRequest(environment="prod")
    assert diff(scene.services(), request).promotion.plan.id == 5
    assert diff(scene.services(), replace(request, promotion=4)).promotion.plan.id == 4
    with pytest.raises(UsageError, match="prod has no promotion 9 of iris") as error:
        diff(scene.services(), replace(request, promotion=9))
    assert error.value.hint == "there are: 4, 5"


def test_without_any_canary_there_is_nothing_to_compare(scene: Scene) -> None:
    with pytest.raises(Refused, match="prod has had no canary of iris that was looked at") as error:
        diff(scene.services(), DiffRequest(environment="prod"))

    assert "deploy promote --to prod" in error.value.hint


def test_a_canary_that_was_not_looked_at_yet_is_said_to_be_under_way(scene: Scene) -> None:
    promote(scene.services(), PROMOTE)
    scene.serve("dev", image("c"), promotion=2)
    scene.releases.records = [record("c"), *scene.releases.records]

    found = seen(scene, after=1.0)

    assert (found.under_way, found.promotion.plan.id) == (False, 4)
    assert "promotion 5 is under way and hasn't been looked at yet" in found.notes


def test_a_router_that_can_not_be_read_leaves_the_recorded_looks(scene: Scene) -> None:
    found: list[Diff] = []

    def look() -> None:
        scene.observer.outage = True
        found.append(diff(scene.services(), DiffRequest(environment="prod")))
        scene.observer.outage = False

    scene.world.clock.at(MID, look)
    promote(scene.services(), PROMOTE)

    assert found[0].counted.live.canary.cases > 0
    assert found[0].notes[0] == "router replica router-0: no answer"
