from dataclasses import replace
from typing import Any

import pytest

from tests.cli.command import FakeWorld, Stream, deploy, failing
from tests.fakes.observer import FakeFeature
from tests.fakes.world import image, record
from towpath.app.invoke import Answer
from towpath.cli.render import Output
from towpath.cli.reports import LineReport, StepReport
from towpath.core.errors import Busy


def ticking(*, terminal: bool, color: bool = True) -> tuple[Output, Stream]:
    ticks, err = iter(range(100)), Stream(terminal=terminal)
    return Output(stdout=Stream(), stderr=err, stdin=Stream(), color=color, now=lambda: next(ticks)), err


def test_a_terminal_gets_colours_unless_they_are_not_wanted() -> None:
    busy = failing(Busy("held"))

    assert "\x1b[31;1merror:\x1b[0m held" in deploy("status", world=busy, terminal=True, color=True).err
    assert deploy("status", world=busy, terminal=True, color=False).err == "error: held\n"
    assert deploy("status", world=busy, color=True).err == "error: held\n"


def test_progress_is_a_line_before_and_after_with_elapsed_seconds() -> None:
    output, err = ticking(terminal=False)

    with LineReport(output=output).progress("pushing"):
        pass

    before, after = err.getvalue().splitlines()
    assert before.endswith("s  pushing …")
    assert "pushing: done in" in after


def test_progress_that_fails_is_never_called_done() -> None:
    output, err = ticking(terminal=True)

    def fail() -> None:
        with LineReport(output=output).progress("pushing"):
            raise Busy("held")

    with pytest.raises(Busy):
        fail()
    assert "done" not in err.getvalue()


def test_many_small_things_are_a_line_in_five_seconds_in_a_log() -> None:
    output, err = ticking(terminal=False)

    for number in range(12):
        StepReport(output=output).progress("engine", str(number))

    said = [line.split()[-1] for line in err.getvalue().splitlines()]
    assert 1 <= len(said) <= 3
    assert said[0] != "0"


def test_many_small_things_are_one_line_that_changes_on_a_terminal() -> None:
    output, err = ticking(terminal=True)
    report = StepReport(output=output)

    for number in range(3):
        report.progress("engine", f"{number} " + "x" * 300)
    report.done("engine", "built")

    drawn = err.getvalue()
    assert drawn.count("\n") == 1
    assert drawn.count("\r\x1b[K") == 4
    assert all(len(line) < 100 for line in drawn.split("\r\x1b[K"))
    assert drawn.endswith("engine: built\n")


def test_a_person_is_asked_before_a_protected_environment_changes(world: FakeWorld) -> None:
    no = deploy("promote", "--to", "prod", world=world, terminal=True, typed="n\n")
    yes = deploy("promote", "--to", "prod", world=world, terminal=True, typed="y\n")

    assert (no.code, yes.code) == (3, 0)
    assert "Promote to prod? [y/N] " in no.err


def test_a_script_is_asked_nothing(world: FakeWorld) -> None:
    assert "[y/N]" not in deploy("promote", "--to", "prod", world=world).err


def test_what_is_destroyed_is_typed_by_its_name(world: FakeWorld) -> None:
    wrong = deploy("destroy", "prod", world=world, terminal=True, typed="y\n")
    assert (wrong.code, "prod" in world.scene.world.drawn) == (3, True)

    right = deploy("destroy", "prod", world=world, terminal=True, typed="prod\n")
    assert (right.code, "prod" in world.scene.world.drawn) == (0, False)


def test_a_protected_environment_needs_its_name_twice_where_nobody_is_asked(world: FakeWorld) -> None:
    assert deploy("destroy", "dev", "--yes", world=world).code == 0
    assert deploy("destroy", "prod", "--yes", "--confirm", "prod", world=world).code == 0


def test_the_platform_stays_while_environments_stand_on_it(world: FakeWorld) -> None:
    refused = deploy("destroy", "platform", "--yes", world=world)

    assert refused.code == 3
    assert "dev, prod still stand on the platform" in refused.err


def test_an_answer_names_the_release_that_gave_it(world: FakeWorld) -> None:
    stable = world.scene.world.outputs("dev").endpoints[0].stable
    assert stable is not None
    headers = {"x-towpath-release": stable.release_id}
    world.http.answer = Answer(status=200, body=b"[1]\n", headers=headers, seconds=0.01)

    done = deploy("invoke", "dev", "-d", '{"inputs": []}', world=world)

    assert done.out == "[1]\n"
    assert done.err == f"answered in 10 ms by {image('b').short} (stable)\n"
    assert world.http.asked == [("http://127.0.0.1:1/v2/models/iris/infer", b'{"inputs": []}')]


@pytest.mark.parametrize(("status", "code"), [(400, 2), (404, 2), (500, 6), (503, 6)])
def test_an_endpoint_that_refuses_or_fails_is_an_error(world: FakeWorld, status: int, code: int) -> None:
    world.http.answer = Answer(status=status, body=b"no", seconds=0.01)

    done = deploy("invoke", "dev", "-d", "{}", "--path", "/predict", world=world)

    assert done.code == code
    assert f"http://127.0.0.1:1/predict answered {status}: no" in done.err


def test_variables_are_quoted_for_the_shell(world: FakeWorld) -> None:
    assert "export PATH='/it'\"'\"'s here:/bin'\n" in deploy("shellenv", world=world).out
    assert "set -gx PATH '/it\\'s here:/bin';\n" in deploy("shellenv", "--shell", "fish", world=world).out


def test_a_plan_shows_steps_gates_and_what_a_canary_can_see(world: FakeWorld) -> None:
    out = deploy("plan", "--to", "prod", "--rps", "50", world=world).out

    assert out.startswith(f"prod: {image('a').short} -> {image('b').short}, canary, about ")
    for words in ("GATE", "clean", "shift 25 %", "what the canary can see at 50 requests/s", "iris.route"):
        assert words in out


def test_a_plan_shows_how_long_every_step_takes(world: FakeWorld) -> None:
    out = deploy("plan", "--to", "prod", "--rps", "50", world=world).out

    rows = [line.split(maxsplit=1)[1] for line in out.splitlines() if line[:2].strip().isdigit()]
    assert out.count(" LASTS\n") == 1
    assert [" ".join(row.split()) for row in rows][:4] == [
        "start 1 0 % 1 about 6 s",
        "smoke 0 % 1 at once",
        "shift 25 % 25 % 1 about 3 s",
        "observe 25 % 25 % 1 about 10 s",
    ]


@pytest.mark.parametrize(
    ("stable", "candidate", "lines"),
    [
        (
            {"metrics": {"auc": 0.9712, "loss": 0.3}, "hashes": {"code": "1", "data": "1"}},
            {"metrics": {"auc": 0.9654, "f1": 0.5}, "hashes": {"code": "2", "data": "1", "weights": "1"}},
            ["  auc 0.9654 (was 0.9712)", "  f1 0.5", "  changed: code, weights"],
        ),
        ({}, {"metrics": {"auc": 0.9654}}, ["  auc 0.9654", "  changed: no input"]),
        (None, {"metrics": {"auc": 0.9654}, "hashes": {"code": "2"}}, ["  auc 0.9654"]),
    ],
    ids=["both changed", "same inputs", "stable has no record"],
)
def test_a_plan_shows_how_the_releases_differ(
    world: FakeWorld, stable: dict[str, Any] | None, candidate: dict[str, Any], lines: list[str]
) -> None:
    built = record("b"), record("a")
    world.scene.releases.records = [replace(built[0], **candidate)]
    if stable is not None:
        world.scene.releases.records.append(replace(built[1], **stable))

    out = deploy("plan", "--to", "prod", world=world).out.splitlines()

    assert out[1 : out.index("")] == ["  commit cccccccccccc, built 2026-01-01T00:00:00Z, tests: 3 passed", *lines]


def test_a_plan_says_when_nobody_knows_how_the_candidate_was_built(world: FakeWorld) -> None:
    world.scene.releases.records = []

    done = deploy("plan", "--to", "prod", "--release", str(image("b")), world=world)

    assert "  there is no record of how the candidate was built\n" in done.out


def test_a_plan_of_what_serves_already_says_so_and_nothing_else(world: FakeWorld) -> None:
    world.scene.serve("dev", image("a"), promotion=2)

    done = deploy("plan", "--to", "prod", world=world)

    assert done.out == "prod serves aaaaaaaaaaaa already: nothing to do\n"


def test_a_plan_says_which_features_of_the_requests_are_watched_and_which_differ_already(world: FakeWorld) -> None:
    without = deploy("plan", "--to", "prod", world=world).out
    names = ("radius", "texture", "perimeter", "area", "smoothness", "symmetry")
    world.scene.observer.stable.asked = [FakeFeature(name=name, mean=2.0 * (name == "area")) for name in names]
    deploy("plan", "--to", "prod", world=world)  # a look that begins the traffic
    world.scene.world.clock.advance(60)
    watched = deploy("plan", "--to", "prod", world=world)
    world.scene.releases.records[0] = replace(record("b"), features=(FakeFeature(name="radius").feature(),))
    alike = deploy("plan", "--to", "prod", world=world).out
    learned = (FakeFeature(name="radius", offset=2.0).feature(),)
    world.scene.releases.records[0] = replace(record("b"), features=learned)
    unlike = deploy("plan", "--to", "prod", world=world).out
    every = tuple(FakeFeature(name=name, offset=4.0).feature() for name in names)
    world.scene.releases.records[0] = replace(record("b"), features=every)
    many = deploy("plan", "--to", "prod", world=world).out
    for feature in world.scene.observer.stable.asked:
        feature.trained = 0
    unknown = deploy("plan", "--to", "prod", world=world).out

    assert "a change of the requests themselves can't be seen: no replica of stable counts them" in without
    assert (
        "held against the training data in radius, texture, perimeter, area, smoothness, … (6 features)" in watched.out
    )
    assert "unlike the training data already: area (PSI 3." in watched.out
    assert "what stable is asked now" not in watched.out
    assert "what stable is asked now is like the candidate's training data\n" in alike
    assert "what stable is asked now is unlike the candidate's training data: radius (PSI 3." in unlike
    assert ") and 1 more\n" in many
    assert "compared between the arms only in radius, texture, perimeter, area, smoothness, …" in unknown
    assert deploy("plan", "--to", "prod", "--json", world=world).json["inputs"]["watched"] == []


def test_a_plan_says_when_a_good_candidate_would_be_let_on(world: FakeWorld) -> None:
    enough = deploy("plan", "--to", "prod", "--rps", "50", world=world)
    thin = deploy("plan", "--to", "prod", "--rps", "0.5", world=world)

    document = deploy("plan", "--to", "prod", "--rps", "50", "--json", world=world).json["visible"][-1]
    found = {one["channel"]: one["share"] for one in document["channels"]}
    assert found["errors"] == document["errors_from"]

    assert "at 50 requests/s a candidate that is just like stable is let beyond 50 % after about" in enough.out
    assert "at 0.5 requests/s a candidate that is just like stable ends inconclusive after" in thin.out
    assert "what can:" not in enough.out
    offers = [line for line in thin.out.splitlines() if line.startswith("  - ")]
    assert [line.partition(":")[0] for line in offers] == [
        "  - more traffic",
        "  - longer",
        "  - replay of recorded requests",
        "  - a wider margins.errors.promote, if a candidate that much worse may pass",
        "  - blue-green without a judge",
    ]
    assert "deploy requests prod writes such rows" in offers[2]
    assert "[environments.prod.canary]" in offers[4]
    document = deploy("plan", "--to", "prod", "--rps", "0.5", "--json", world=world).json
    assert document["outlook"]["enough"] is False
    assert [offer["kind"] for offer in document["offers"]] == ["traffic", "longer", "replay", "margin", "unjudged"]


def test_pause_and_abort_without_an_open_promotion_are_refused(world: FakeWorld) -> None:
    assert (deploy("pause", "prod", world=world).code, deploy("abort", "prod", world=world).code) == (3, 3)
