"""The good road: releases that are fit reach every environment, and nobody's request fails."""

import json

import pytest

from tests.e2e.support.installation import Installation
from tests.e2e.support.traffic import BODY, load

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
RATE = 100.0  # requests a second


def chain(one: Installation) -> str:
    """A release that dev serves."""
    one.draw("dev")
    release = one.release()
    one.deploy("promote", "--to", "dev").ok()
    one.commit("Publish dev")
    return release


def test_a_first_release_goes_from_environment_to_environment_in_their_order(one: Installation) -> None:
    one.draw("dev", "prod")
    release = one.release()
    early = one.deploy("promote", "--to", "prod", "--release", release)
    assert (early.code, "dev" in early.stderr) == (3, True), early.told()
    for environment in ("dev", "prod"):
        one.deploy("promote", "--to", environment).ok()
        assert one.served(environment) == release
        answer = one.deploy("invoke", environment, "-d", BODY, "--json").ok().answer
        assert answer["answer"]["outputs"][0]["data"] == [8.0]
        assert (answer["release"], answer["arm"]) == (release, "stable")
    one.commit("Publish dev and prod")


def test_before_its_first_release_an_environment_says_that_it_serves_nothing(one: Installation) -> None:
    one.draw()
    one.describe("empty", one.ports["spare"])
    one.pulumi("stack", "init", "empty").ok()
    one.up("empty").ok()
    with load(one.url("spare"), 20) as sent:
        one.pulumi("preview", "-s", "empty", "--expect-no-changes").ok()
    assert {answer.status for answer in sent.answers} == {503}
    one.pulumi("destroy", "--yes", "-s", "empty").ok()


def test_a_good_release_replaces_stable_by_canary_and_goes_back_without_one_failed_request(one: Installation) -> None:
    one.draw("dev", "prod")
    if not one.served("prod"):
        chain(one)
        one.deploy("promote", "--to", "prod").ok()
        one.commit("Publish prod")
    before = one.served("prod")
    release = chain(one)
    with load(one.url("prod"), RATE) as sent:
        one.deploy("promote", "--to", "prod").ok()
    assert sent.failed == []
    assert len(sent.summary.releases) == 2
    assert one.served("prod") == release
    one.pulumi("preview", "-s", "prod", "--expect-no-changes").ok()
    assert "# what prod runs; this comment stays" in one.file("prod").read_text()
    one.commit("Publish prod")
    with load(one.url("prod"), RATE) as sent:
        one.deploy("rollback", "prod", "--reason", "only to see the way back").ok()
    assert sent.failed == []
    assert one.served("prod") == before
    again = one.deploy("promote", "--to", "prod")
    assert (again.code, "only to see the way back" in again.stderr) == (3, True), again.told()
    one.commit("Publish the way back")


def test_status_history_releases_and_logs_tell_the_same_story(one: Installation) -> None:
    release = one.serving("lab")
    now = one.status("lab")
    assert (now["release"], now["healthy"], now["problems"]) == (release, True, [])
    assert (now["url"], now["published"]) == (one.url("lab"), True)
    last = one.deploy("history", "lab", "--json").ok().answer["promotions"][0]
    assert last["promotion"] == now["last"]["promotion"]
    built = one.deploy("releases", "--json").ok().answer["releases"]
    assert release in [record["image"] for record in built]
    lines = one.deploy("logs", "lab").ok().stdout.splitlines()
    assert any('"ready"' in line or "ready" in line for line in lines), lines
    table = one.deploy("status").ok().stdout
    assert all(name in table for name in ("dev", "prod", "lab", "PUBLISHED"))


def test_a_plan_says_steps_and_gates_and_changes_nothing(one: Installation) -> None:
    one.serving("lab")
    release = one.release()
    before = one.journal("lab")
    planned = one.deploy("plan", "--to", "lab", "--release", release, "--json", "--detailed-exitcode")
    assert planned.code == 10, planned.told()
    answer = json.loads(planned.stdout)
    assert (answer["lets_on"], answer["candidate"]) == (True, release)
    assert [step["name"] for step in answer["steps"]][-3:] == ["draw", "write", "prove"]
    assert all("tiny" in change["name"] for change in answer["changes"] if "Stack" not in change["type"])
    assert one.journal("lab") == before
