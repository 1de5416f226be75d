"""deploy diff, in process: what a person reads and what a program gets."""

import json
from typing import Any

import pytest

from tests.app.test_diff import MID, log_of
from tests.cli.command import FakeWorld, Result, deploy
from tests.fakes.world import image
from towpath.app.diff import Diff
from towpath.app.promote import PromoteRequest, promote
from towpath.cli.render import Table
from towpath.cli.views_diff import diff_answer
from towpath.core.counters import ArmCounters
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.side_by_side import side_by_side
from towpath.core.tallies import Counted, ModelSample, Tally
from towpath.core.watch import Look


def meanwhile(world: FakeWorld, *words: str, shift: float | None = None) -> Result:
    """Run a command line in the middle of a canary."""
    found: list[Result] = []

    def run() -> None:
        if shift is not None:
            log_of(world.scene, shift)
        found.append(deploy("diff", "prod", *words, world=world))

    world.scene.world.clock.at(MID, run)
    deploy("promote", "--to", "prod", world=world)
    return found[0]


def test_both_arms_are_shown_beside_one_another(world: FakeWorld) -> None:
    world.scene.observer.canary.errors = 0.001

    done = meanwhile(world, shift=0.4)

    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0].startswith(
        "prod, iris: candidate bbbbbbbbbbbb beside stable aaaaaaaaaaaa, promotion 4 (under way), 2023-11-14 "
    )
    rows = {line.split("  ")[0]: line for line in lines}
    assert "0.00% of 1,650 (0.00% to 0.23%)" in rows["errors"]
    assert "0.06% of 1,650" in rows["errors"]
    assert "points (" in rows["errors"]
    assert "~ 50 ms" in rows["latency p50"]
    assert "probes: none" in lines
    assert any(
        line.startswith("slices of requests by users, farthest first: 300 samples of stable, 300") for line in lines
    )
    assert "mean score" in rows["x[0] above 0.75"]
    assert "0.50 cores" in rows["stable"]
    assert lines[-1].startswith("Intervals hold in 19 of 20 cases")


def test_a_program_gets_the_same(world: FakeWorld) -> None:
    answer = meanwhile(world, "--json", shift=0.4).json

    assert (answer["schema_version"], answer["command"]) == (1, "diff")
    assert (answer["endpoint"], answer["promotion"], answer["under_way"]) == ("iris", 4, True)
    assert (answer["stable"], answer["candidate"]) == (str(image("a")), str(image("b")))
    errors = answer["counted"]["live"]["errors"]
    assert errors["stable"]["cases"] == errors["candidate"]["cases"] == 1650
    assert errors["difference"]["low"] < 0 < errors["difference"]["high"]
    assert [one["quantile"] for one in answer["counted"]["live"]["latency"]] == [0.5, 0.9, 0.99]
    worst = answer["slices"]["live"]["shifts"][0]
    assert worst["where"] == {"feature": "x[0]", "class": None, "above": 0.75, "upto": None}
    assert worst["difference"]["sure"] is True
    assert answer["slices"]["probe"] is None
    assert answer["containers"]["candidate"]["cpu_seconds_per_request"] == pytest.approx(0.01)


def test_predictions_that_moved_are_shown_with_what_they_are_of(world: FakeWorld) -> None:
    kinds = [Counted(output="p", above=0.5), Counted(output="class", label="yes")]
    none, stable, canary = (
        dict.fromkeys(kinds, Tally(events=events, cases=cases)) for events, cases in ((0, 0), (200, 1000), (150, 500))
    )

    def look(at: float, *tallies: dict[Counted, Tally]) -> Look:
        arm = ArmCounters(requests=int(at))
        sample = ReplicaSample(replica="r", timestamp=at, stable=arm, canary=arm)
        models = (
            ModelSample(replica="s", arm="stable", live=tallies[0]),
            ModelSample(replica="c", arm="canary", live=tallies[1]),
        )
        return Look(step=0, observation=Observation(at=at, samples=(sample,), models=models))

    counted = side_by_side([look(1, none, none), look(9, stable, canary)])
    assert counted is not None
    closed = promote(world.scene.services(), PromoteRequest(environment="prod")).closed
    assert closed is not None
    empty = Diff(
        promotion=closed, under_way=False, counted=counted, live=None, probe=None, stable=None, canary=None, notes=()
    )

    document, parts = diff_answer(empty)

    (table,) = [part for part in parts if isinstance(part, Table)]
    assert table.rows[-2] == (
        "p above 0.5",
        "20.00% of 1,000 (17.64% to 22.59%)",
        "30.00% of 500 (26.15% to 34.16%)",
        "+10.00 points (+4.70 to +15.48)",
    )
    assert [one["output"] for one in json.loads(json.dumps(document))["counted"]["live"]["predictions"]] == [
        "p",
        "class",
    ]


def numbers(value: Any) -> list[float]:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return [number for one in value.values() for number in numbers(one)]
    if isinstance(value, list):
        return [number for one in value for number in numbers(one)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("upto", [(0.5, 0.9, 0.99), (0.0, 0.0, 0.0)])
def test_the_answer_is_json_whatever_was_counted(world: FakeWorld, upto: tuple[float, ...]) -> None:
    world.scene.observer.stable.upto = world.scene.observer.canary.upto = upto
    done = meanwhile(world, "--json")

    def refuse(name: str) -> float:
        raise AssertionError(name)

    assert numbers(json.loads(done.out, parse_constant=refuse))


def test_a_canary_that_ended_is_named_with_its_outcome(world: FakeWorld) -> None:
    assert deploy("promote", "--to", "prod", world=world).code == 0

    done = deploy("diff", "prod", "4", "--seconds", "0", world=world)

    assert done.code == 0
    assert "promotion 4 (promoted)" in done.out.splitlines()[0]
    assert "no slices: the replicas of stable are gone" in done.out


@pytest.mark.parametrize(
    ("words", "code", "says", "hint"),
    [
        (["prod"], 3, "prod has had no canary of iris that was looked at", "deploy promote --to prod"),
        (["prod", "7"], 2, "prod has no promotion 7 of iris", "there are: none"),
        (["qa"], 2, "has no environment 'qa'", ""),
        (["prod", "--model", "rose"], 2, "has no model 'rose'", ""),
        (["prod", "--seconds", "-1"], 2, "Invalid value for '--seconds'", ""),
    ],
)
def test_what_can_not_be_compared_is_refused_with_a_way_on(
    world: FakeWorld, words: list[str], code: int, says: str, hint: str
) -> None:
    done = deploy("diff", *words, world=world)

    assert (done.code, done.out) == (code, "")
    assert says in done.err
    assert hint in done.err
