"""What the command says of a metric of the user's own."""

import re
from dataclasses import replace

import pytest

from tests.app.test_own_metrics import FALLBACK
from tests.cli.command import FakeWorld, Result, deploy
from tests.fakes.observer import FakeOwn
from tests.fakes.scene import QUICK, promotable
from towpath.core.margins import Margin


@pytest.fixture
def world() -> FakeWorld:
    scene = promotable(canary=replace(QUICK, own=(FALLBACK,)))
    scene.observer.own = {"fallback_answers": FakeOwn(stable=0.05, canary=0.05)}
    scene.observer.stable.requests = 100_000
    return FakeWorld(scene=scene)


def test_diff_compares_it_as_it_is_counted(world: FakeWorld) -> None:
    world.scene.observer.own["fallback_answers"].canary = 0.06
    said: list[Result] = []
    world.scene.world.clock.at(25, lambda: said.append(deploy("diff", "prod", world=world)))
    world.scene.world.clock.at(35, lambda: said.append(deploy("diff", "prod", "--json", world=world)))
    deploy("promote", "--to", "prod", world=world)

    table, answer = said
    assert any(line.startswith("fallback_answers  ") and " points (" in line for line in table.out.splitlines())
    (own,) = answer.json["counted"]["own"]
    assert (own["metric"], own["stable"]["share"], own["candidate"]["share"]) == (
        "fallback_answers",
        pytest.approx(0.05, abs=0.01),
        pytest.approx(0.06, abs=0.01),
    )
    assert own["difference"]["low"] < 0.01 < own["difference"]["high"]


def test_plan_lists_what_is_judged_and_what_of_the_own_metric_it_would_see(world: FakeWorld) -> None:
    told = deploy("plan", "--to", "prod", "--rps", "50", world=world)

    assert told.code == 0
    assert "FALLBACK_ANSWERS FROM" in told.out
    rows = [line.split(None, 2) for line in told.out.splitlines()]
    assert ["predictions", "no", "no replica of stable counts predictions, as the serving kit does"] in rows
    assert ["fallback_answers", "yes", "stable: 5,000 of 100,000, 5.00%"] in rows
    document = deploy("plan", "--to", "prod", "--rps", "50", "--json", world=world).json
    assert document["metrics"][-1] == {
        "metric": "fallback_answers",
        "state": "on",
        "why": "stable: 5,000 of 100,000, 5.00%",
    }
    assert 0.06 < document["visible"][-1]["own_from"]["fallback_answers"] < 0.35


def test_plan_tells_a_share_of_nearly_all_cases_in_digits(world: FakeWorld) -> None:
    world.scene.observer.own["fallback_answers"].stable = 0.965
    told = deploy("plan", "--to", "prod", "--rps", "900", world=world)
    assert re.search(r" 99\.\d+ % ", told.out)
    assert "e+" not in told.out


def test_plan_says_of_one_that_stable_never_had_that_its_labels_may_be_wrong(world: FakeWorld) -> None:
    world.scene.observer.own["fallback_answers"].stable = 0.0
    told = deploy("plan", "--to", "prod", world=world)
    assert "stable: 0 of 100,000, 0.00%; if that can't be, look at the labels it is counted by" in told.out


def test_a_canary_that_would_wait_for_it_names_its_margin(world: FakeWorld) -> None:
    tight = replace(FALLBACK, promote=Margin(ratio=1.0, points=0.011))
    world.scene.canary = replace(QUICK, metrics=("errors",), own=(tight,))
    told = deploy("plan", "--to", "prod", "--rps", "10", world=world)
    assert "ends inconclusive" in told.out
    assert "wider promote of the metric fallback_answers, if" in told.out


def test_replay_and_explain_tell_of_it_as_of_any_other_metric(world: FakeWorld) -> None:
    world.scene.observer.own["fallback_answers"].canary = 0.3
    assert deploy("promote", "--to", "prod", world=world).code == 5
    answer = deploy("explain", "prod", "--json", world=world).json
    last = answer["looks"][-1]
    assert (last["kind"], last["channel"]) == ("roll back", "fallback_answers")
    assert last["against"]["fallback_answers"] > 4
