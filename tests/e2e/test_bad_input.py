"""What is wrong before anything was touched, or ends without harm."""

import re

import pytest

from tests.e2e.support.installation import Installation

pytestmark = [pytest.mark.e2e, pytest.mark.docker, pytest.mark.engine]
ABSENT = "sha256:" + "0" * 64


def test_an_image_that_never_gets_ready_is_refused_with_its_last_log_lines(one: Installation) -> None:
    before = one.serving("lab")
    text = one.file("lab").read_text()
    one.file("lab").write_text(text.replace("startup: 20s", "startup: 4s"))
    one.up("lab").ok()
    one.commit("Wait less")
    stuck = one.release(never_ready="the tokenizer waits for a file that never comes")
    ended = one.deploy("promote", "--to", "lab", "--release", stuck)
    assert (ended.code, "waits for a file that never comes" in ended.stderr) == (5, True), ended.told()
    assert one.served("lab") == before
    one.pulumi("preview", "-s", "lab", "--expect-no-changes").ok()


def test_a_model_that_fails_to_load_ends_its_rollout_at_once_with_the_reason(one: Installation) -> None:
    before = one.serving("lab")
    broken = one.release(load="the weights are of another model")
    ended = one.deploy("promote", "--to", "lab", "--release", broken)
    assert (ended.code, "the weights are of another model" in ended.stderr) == (5, True), ended.told()
    assert one.served("lab") == before


def test_a_tag_is_no_release(one: Installation) -> None:
    ended = one.deploy("promote", "--to", "lab", "--release", f"localhost:{one.ports['registry']}/tiny:latest")
    assert (ended.code, "digest" in ended.stderr) == (2, True), ended.told()


def test_a_digest_that_the_registry_lacks_is_refused(one: Installation) -> None:
    one.serving("lab")
    ended = one.deploy("promote", "--to", "lab", "--release", f"localhost:{one.ports['registry']}/tiny@{ABSENT}")
    assert (ended.code, f"has no tiny@{ABSENT}" in ended.stderr) == (3, True), ended.told()


def test_every_problem_of_a_stack_file_is_said_at_once(one: Installation) -> None:
    one.draw("lab")
    text = one.file("lab").read_text()
    one.file("lab").write_text(text.replace("replicas: ", "replicaz: ").replace("startup: ", "startup: -"))
    try:
        ended = one.deploy("promote", "--to", "lab")
        by_hand = one.up("lab")
    finally:
        one.file("lab").write_text(text)
    assert ended.code == 2, ended.told()
    for said in (ended.stderr, by_hand.stdout + by_hand.stderr):
        assert "replicaz" in said
        assert "timeouts.startup" in said


def test_a_stale_checkout_is_refused_by_the_program_with_the_remedy(one: Installation) -> None:
    before = one.serving("lab")
    text = one.file("lab").read_text()
    number = re.search(r"promotion: (\d+)", text)
    assert number is not None
    one.file("lab").write_text(text.replace(number[0], f"promotion: {int(number[1]) - 1}"))
    try:
        refused = one.up("lab")
    finally:
        one.file("lab").write_text(text)
    assert refused.code != 0
    said = " ".join((refused.stdout + refused.stderr).split())
    assert "older than what lab runs" in said
    assert "deploy rollback" in said
    assert one.served("lab") == before
    one.pulumi("preview", "-s", "lab", "--expect-no-changes").ok()


def test_a_port_that_is_taken_is_named_with_who_has_it(one: Installation) -> None:
    one.draw("lab")
    one.file("second").write_text(one.file("lab").read_text())
    one.pulumi("stack", "init", "second").ok()
    try:
        refused = one.up("second")
    finally:
        one.pulumi("destroy", "--yes", "-s", "second").ok()
        one.file("second").unlink()
    said = " ".join((refused.stdout + refused.stderr).split())
    assert refused.code != 0
    assert f"port {one.ports['lab']} of towpath-{one.id}-second-router is already taken" in said
    assert f"container towpath-{one.id}-lab-router publishes it: remove that one, or choose another port" in said
