import json

import pytest

from tests.cli.command import FakeWorld, deploy, failing
from tests.fakes.toolchain import FakeMachine
from tests.fakes.world import image
from towpath.app.invoke import Answer
from towpath.core.errors import Busy


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["plan", "--to", "prod"], {"candidate", "gates", "steps", "seconds", "changes", "visible", "has_changes"}),
        (["promote", "--to", "prod"], {"release", "promotion", "commit"}),
        (["resume", "--all"], {"ended"}),
        (["status"], {"environments"}),
        (["history", "prod"], {"environment", "promotions"}),
        (["releases"], {"releases"}),
        (["invoke", "dev", "-d", "{}"], {"url", "status", "answer", "release", "arm", "seconds"}),
        (["shellenv"], {"variables"}),
        (["doctor"], {"things"}),
        (["setup"], {"instance", "engine", "offline"}),
        (["destroy", "dev", "--yes"], {"destroyed"}),
        (["--version"], {"version"}),
    ],
)
def test_every_answer_is_one_object_with_a_version_and_its_command(
    world: FakeWorld, words: list[str], keys: set[str]
) -> None:
    world.machine = FakeMachine()

    done = deploy(*words, "--json", world=world)

    assert done.json["schema_version"] == 1
    assert done.json["command"] == words[0].strip("-")
    assert keys <= done.json.keys()


def test_a_roll_back_answers_with_the_promotion_it_was(world: FakeWorld) -> None:
    deploy("promote", "--to", "prod", "--yes", world=world)

    done = deploy("rollback", "prod", "--to", str(image("a")), "--json", world=world)

    assert (done.json["command"], done.json["promotion"]["outcome"]) == ("rollback", "promoted")


def test_an_error_is_an_object_on_standard_output_and_nothing_else_is() -> None:
    done = deploy("--json", "status", world=failing(Busy("prod is held", "wait")))

    assert done.json == {
        "schema_version": 1,
        "error": {"kind": "Busy", "exit_code": 4, "message": "prod is held", "hint": "wait"},
    }
    assert (done.code, done.err) == (4, "")


def test_a_wrong_command_line_and_a_bug_are_objects_too() -> None:
    wrong, bug = deploy("promote", "--json"), deploy("status", "--json", world=failing(RuntimeError("oh")))

    assert (wrong.json["error"]["exit_code"], bug.json["error"]["exit_code"]) == (2, 1)
    assert (wrong.json["error"]["kind"], bug.json["error"]["kind"]) == ("UsageError", "Bug")


def test_progress_goes_to_standard_error_and_leaves_the_answer_whole(world: FakeWorld) -> None:
    done = deploy("setup", "--json", world=world)

    assert done.json["instance"] == "0123abcd"
    assert "engine: " in done.err


def test_a_status_tells_declared_observed_and_open(world: FakeWorld) -> None:
    environments = deploy("status", "--json", world=world).json["environments"]

    assert [one["environment"] for one in environments] == ["dev", "prod"]
    assert environments[1]["release"] == str(image("a"))
    assert environments[1]["ready"] == environments[1]["replicas"] == 2
    assert (environments[1]["declared"], environments[1]["observed"]) == (None, [])
    assert environments[1]["open"] is None


def test_a_status_tells_of_a_canary_what_was_declared_and_what_is_observed(world: FakeWorld) -> None:
    deploy("promote", "--to", "prod", world=world)
    world.scene.serve_canary("prod", image("a"), traffic=25)
    world.scene.world.stuck_traffic = 7

    prod = deploy("status", "--json", world=world).json["environments"][1]

    assert (prod["candidate"], prod["declared"], prod["observed"]) == (str(image("a")), 25, [7])
    assert prod["problems"] == ["router-0 gives the candidate 7 %, declared was 25 %"]
    assert prod["healthy"] is False
    assert prod["since"] == prod["last"]["until"]
    assert prod["since"].startswith("2023-11-14T22:1")


def test_log_lines_are_objects_of_their_own(world: FakeWorld) -> None:
    world.scene.log("dev", "replica-0 | ready", "replica-0 | answered")

    lines = deploy("logs", "dev", "--json", world=world).out.splitlines()

    assert [json.loads(line) for line in lines] == [
        {"schema_version": 1, "command": "logs", "environment": "dev", "line": "replica-0 | ready"},
        {"schema_version": 1, "command": "logs", "environment": "dev", "line": "replica-0 | answered"},
    ]


def test_a_plan_times_its_steps(world: FakeWorld) -> None:
    planned = deploy("plan", "--to", "prod", "--rps", "50", "--json", world=world).json

    seconds = {step["name"]: step["seconds"] for step in planned["steps"]}
    assert (seconds["smoke"], seconds["shift 25 %"], seconds["observe 25 %"]) == (0, 3, 10)
    assert sum(seconds.values()) == planned["seconds"]


def test_an_answer_that_is_no_json_is_a_text(world: FakeWorld) -> None:
    world.http.answer = Answer(status=200, body=b"fine", seconds=0.1)

    assert deploy("invoke", "dev", "-d", "{}", "--json", world=world).json["answer"] == "fine"


@pytest.mark.parametrize("place", [0, 1, 2])
def test_global_options_may_stand_anywhere(world: FakeWorld, place: int) -> None:
    words = ["history", "prod"]
    words[place:place] = ["--json", "--config", "other.toml"]

    done = deploy(*words, world=world)

    assert done.json["environment"] == "prod"
    assert world.asked[0].config == "other.toml"


def test_behind_two_dashes_nothing_is_an_option(world: FakeWorld) -> None:
    done = deploy("history", "--", "--json", world=world)

    assert done.code == 2
    assert "has no environment '--json'" in done.err
