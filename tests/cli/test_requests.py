"""deploy requests, in process: from the log of predictions to rows that probes can send."""

import json
from pathlib import Path

import pytest

from tests.cli.command import FakeWorld, deploy
from tests.core.test_recorded import line, row
from tests.fakes.scene import Scene
from tests.fakes.world import image, record
from towpath.adapters.holdout import read_rows


@pytest.fixture
def world() -> FakeWorld:
    scene = Scene()
    scene.releases.records = [record("a")]
    scene.serve("prod", image("a"), promotion=3)
    log(scene, line(1.0), line(2.0), line(3.0, probe=True))
    return FakeWorld(scene=scene)


def log(scene: Scene, *lines: str) -> None:
    stable = scene.world.outputs("prod").endpoints[0].stable
    assert stable is not None
    scene.world.logged[stable.release_id] = lines


def test_what_users_asked_becomes_rows_for_probes(world: FakeWorld, tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"

    done = deploy("requests", "prod", "-o", str(file), world=world)

    assert (done.code, done.out) == (0, f"wrote {file}\n")
    assert "2 requests of users, from 3 logged predictions" in done.err
    assert "look before you commit them" in done.err
    assert read_rows(file) == (row(1.0), row(2.0))


def test_without_a_file_they_are_printed_and_nothing_else_is(world: FakeWorld) -> None:
    assert deploy("requests", "prod", "--most", "1", world=world).out == f"{row(2.0)}\n"
    answer = deploy("requests", "prod", "--json", world=world).json
    assert (answer["lines"], answer["probes"]) == (3, 1)
    assert [json.loads(one)["inputs"][0]["data"] for one in answer["requests"]] == [[1.0, 2], [2.0, 2]]


def test_a_text_that_no_file_can_hold_is_no_obstacle(world: FakeWorld, tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"
    log(world.scene, line("\ud800"))
    assert deploy("requests", "prod", "-o", str(file), world=world).code == 0
    assert json.loads(file.read_text())["inputs"][0]["data"] == ["\ud800", 2]
    assert deploy("requests", "prod", world=world).out == file.read_text()


def test_a_file_that_is_there_is_never_overwritten(world: FakeWorld, tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"
    file.write_text("mine")

    done = deploy("requests", "prod", "-o", str(file), world=world)

    assert (done.code, file.read_text()) == (2, "mine")
    assert "name a file that isn't there yet" in done.err


def test_where_nothing_was_recorded_it_is_said_why(world: FakeWorld) -> None:
    log(world.scene)
    none = deploy("requests", "prod", world=world)
    assert (none.code, "writes no log of predictions" in none.err, "TOWPATH_SAMPLE" in none.err) == (3, True, True)
    log(world.scene, line(probe=True), line(status=500), line(tensors=[]))
    partial = deploy("requests", "prod", world=world)
    assert partial.code == 3
    assert "1 were probes, 1 failed, 1 aren't logged whole" in partial.err
