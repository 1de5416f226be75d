from dataclasses import replace

import pytest

from tests.fakes.world import image, record
from towpath.core.errors import Refused
from towpath.core.gates import Answer, Gate, GateFacts, answers, require
from towpath.core.release import TestResult

GOOD = GateFacts(
    candidate=image("b"),
    environment="prod",
    promotes_from="staging",
    upstream=(image("b").digest,),
    in_registry=True,
    bad="",
    override="",
    record=record("b"),
    require_clean=True,
    pending=(),
    declared=image("a"),
    serving=image("a"),
    probes=5.0,
    rows=143,
    holdout="/p/m/holdout.jsonl",
)


def answer(facts: GateFacts, name: str) -> Gate:
    return next(gate for gate in answers(facts) if gate.name == name)


def test_a_good_release_passes_every_gate() -> None:
    assert {gate.answer for gate in answers(GOOD)} == {Answer.PASS}


@pytest.mark.parametrize(
    ("facts", "name", "said"),
    [
        (replace(GOOD, upstream=()), "order", "staging doesn't run"),
        (replace(GOOD, in_registry=False), "digest", "localhost:5055 has no"),
        (replace(GOOD, bad="5 % errors"), "bad mark", "5 % errors"),
        (replace(GOOD, record=None), "clean", "no record"),
        (replace(GOOD, record=record("b", dirty=True)), "clean", "uncommitted"),
        (replace(GOOD, record=record("b", commit="")), "clean", "uncommitted"),
        (replace(GOOD, record=record("b", passed=False)), "tests", "1 failed"),
        (replace(GOOD, pending=("update iris.route",)), "settled", "update iris.route"),
        (replace(GOOD, declared=image("c")), "file", "names cccccccccccc"),
        (replace(GOOD, declared=None), "file", "names nothing"),
        (replace(GOOD, rows=0), "probes", "5 a second are wanted, and /p/m/holdout.jsonl has no request to send"),
        (replace(GOOD, rows=0, unreadable="holdout.jsonl:2: no JSON"), "probes", "holdout.jsonl:2: no JSON"),
        (replace(GOOD, unwritable="no room on the disk"), "file", "no room on the disk"),
    ],
)
def test_a_gate_that_fails_says_why_and_what_to_do(facts: GateFacts, name: str, said: str) -> None:
    gate = answer(facts, name)

    assert gate.answer is Answer.FAIL
    assert said in gate.detail
    assert gate.hint


def test_gates_that_do_not_apply_are_skipped() -> None:
    first = replace(GOOD, promotes_from=None, require_clean=False, record=None, probes=0.0, rows=0)

    skipped = {gate.name for gate in answers(first) if gate.answer is Answer.SKIPPED}
    assert skipped == {"order", "clean", "tests", "probes"}


def test_an_overridden_mark_lets_on_and_keeps_its_reason() -> None:
    gate = answer(replace(GOOD, bad="slow", override="was the network"), "bad mark")

    assert gate.answer is Answer.OVERRIDDEN
    assert "was the network" in gate.detail


def test_every_failed_gate_is_told_at_once() -> None:
    with pytest.raises(Refused) as error:
        require(answers(replace(GOOD, upstream=(), in_registry=False)), "promoting it")

    assert "order" in error.value.message
    assert "digest" in error.value.message
    assert error.value.hint


def test_a_model_without_tests_is_let_on_and_it_is_said() -> None:
    untested = replace(record("b"), tests=TestResult(passed=False, command=(), summary=""))

    gate = answer(replace(GOOD, record=untested), "tests")

    assert gate.answer is Answer.SKIPPED
    assert "no tests" in gate.detail
