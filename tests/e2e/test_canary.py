"""What can happen in the middle of a canary."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.support.command import Started
from tests.e2e.support.installation import Installation
from tests.e2e.support.processes import await_child, gone
from tests.e2e.support.traffic import Sent, load

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
RATE = 60.0  # requests a second
LOOKING = "observe 50 %"


@contextmanager
def in_mid_canary(one: Installation, release: str) -> Iterator[tuple[Started, Sent]]:
    """A driver that looks at a candidate with half of the traffic."""
    with load(one.url("lab"), RATE) as sent:
        driver = one.begin("promote", "--to", "lab", "--release", release)
        try:
            driver.until(LOOKING)
            yield driver, sent
        finally:
            driver.stop()


def test_a_second_promotion_is_told_who_holds_and_where_that_one_is_killed_resume_finishes(one: Installation) -> None:
    one.serving("lab")
    good, other = one.release(), one.release()
    with in_mid_canary(one, good) as (driver, sent):
        for words in (("promote", "--to", "lab", "--release", other), ("resume", "lab")):
            second = one.deploy(*words)
            assert second.code == 4, second.told()
            assert "@" in second.stderr
        driver.until("shift 95 %")
        engines = await_child(driver.pid, "pulumi")
        driver.kill()
        assert gone(engines, within=40.0), "a killed driver takes its engine along"
        one.deploy("resume", "lab").ok()
    assert sent.failed == []
    assert one.served("lab") == good
    one.commit("Publish lab")


def test_a_plain_up_in_mid_canary_overrides_the_promotion_and_nothing_is_applied_after_it(one: Installation) -> None:
    before = one.serving("lab")
    good = one.release()
    with in_mid_canary(one, good) as (driver, sent):
        one.up("lab").ok()
        ended = driver.end()
    assert (ended.code, "somebody else" in ended.stderr) == (5, True), ended.told()
    assert sent.failed == []
    now = one.status("lab")
    assert (now["release"], now["candidate"], now["open"]) == (before, None, None)
    one.pulumi("preview", "-s", "lab", "--expect-no-changes").ok()
    planned = one.deploy("plan", "--to", "lab", "--release", good, "--json").ok().answer
    assert planned["lets_on"], "an overridden candidate isn't bad"


def test_ctrl_c_in_mid_canary_leaves_an_endpoint_that_serves_and_what_goes_on_can_be_held_and_given_up(
    one: Installation,
) -> None:
    before, good = one.serving("lab"), one.release()
    with in_mid_canary(one, good) as (driver, sent):
        driver.interrupt()
        ended = driver.end()
        assert (ended.code, "deploy resume lab" in ended.stderr) == (130, True), ended.told()
        now = one.status("lab")
        assert (now["declared"], now["observed"]) == (0, [0])
    with in_mid_canary(one, good) as (driver, more):
        one.deploy("pause", "lab").ok()
        one.deploy("resume", "lab").ok()
        given_up = one.deploy("abort", "lab", "--reason", "enough seen")
        assert (given_up.code, "enough seen" in given_up.stderr) == (5, True), given_up.told()
        assert driver.end().code == 5
    assert (sent.failed, more.failed) == ([], [])
    now = one.status("lab")
    assert (now["release"], now["candidate"], now["open"]) == (before, None, None)
    opened = [entry for entry in one.journal("lab") if entry["kind"] == "promotion-opened"]
    assert opened[-1]["payload"]["plan"]["candidate"] == good


def test_a_stack_file_edited_in_mid_canary_is_left_alone_and_a_person_is_asked(one: Installation) -> None:
    one.serving("lab")
    good = one.release()
    file = one.file("lab")
    text = file.read_text()
    with in_mid_canary(one, good) as (driver, sent):
        file.write_text(text + "# somebody's own change\n")
        ended = driver.end()
    assert (ended.code, "Pulumi.lab.yaml" in ended.stderr) == (6, True), ended.told()
    assert sent.failed == []
    assert file.read_text() == text + "# somebody's own change\n"
    assert one.served("lab") == good
    file.write_text(text)
    one.deploy("resume", "lab").ok()
    assert good in file.read_text()
    one.commit("Publish lab")
