"""What is made of an engine's events."""

from collections.abc import Mapping
from typing import Any

from pulumi.automation.events import EngineEvent

from towpath.adapters.engine_events import RunLog, listed
from towpath.app.ports import Change

URN = "urn:pulumi:dev::p::docker:Container::"
STACK = "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev"


def step(op: str, name: str, kind: str = "docker:Container", **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    urn = STACK if kind == "pulumi:pulumi:Stack" else f"{URN}{name}"
    return {"op": op, "urn": urn, "type": kind, "provider": "", "old": None, "new": None, **more}


def log_of(*events: Mapping[str, Any]) -> tuple[RunLog, list[str]]:
    said: list[str] = []
    log = RunLog(say=said.append)
    for number, event in enumerate(events):
        log.take(EngineEvent.from_json({"sequence": number, "timestamp": 0, **event}))
    return log, said


def pre(op: str, name: str, kind: str = "docker:Container", **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    return {"resourcePreEvent": {"metadata": step(op, name, kind, **more), "planning": True}}


def done(op: str, name: str, kind: str = "docker:Container", **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 - as above
    return {"resOutputsEvent": {"metadata": step(op, name, kind, **more)}}


def failed(op: str, name: str) -> Mapping[str, Any]:
    return {"resOpFailedEvent": {"metadata": step(op, name), "status": 0, "steps": 0}}


def error(message: str, urn: str | None = None) -> Mapping[str, Any]:
    where = {} if urn is None else {"urn": urn}
    return {"diagnosticEvent": {"message": message, "color": "never", "severity": "error", **where}}


def brief(log: RunLog) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(change.operation, change.name, change.fields) for change in listed(log.changes.values())]


def test_what_stays_as_it_is_is_no_change() -> None:
    log, _ = log_of(
        pre("same", "a"),
        pre("read", "b"),
        pre("update", "default", "pulumi:providers:pulumi-python"),
        pre("update", "p-dev", "pulumi:pulumi:Stack"),
    )
    assert brief(log) == []


def test_the_parts_of_a_replacement_are_one_change() -> None:
    log, _ = log_of(
        pre("create-replacement", "a", detailedDiff={"image": {"diffKind": "update-replace", "inputDiff": True}}),
        pre("replace", "a", diffs=["env[0]", "labels.x"]),
        pre("delete-replaced", "a"),
    )
    assert brief(log) == [("replace", "a", ("env", "image", "labels"))]


def test_changes_come_in_a_stable_order() -> None:
    log, _ = log_of(pre("create", "b"), pre("delete", "a"))
    assert [(op, name) for op, name, _ in brief(log)] == [("delete", "a"), ("create", "b")]


def test_what_was_done_is_said_and_what_was_planned_is_not() -> None:
    planned = {"resOutputsEvent": {"metadata": step("create", "b"), "planning": True}}
    log, said = log_of(done("create", "a"), done("same", "c"), planned)
    assert said == ["created a"]
    assert log.done == [f"{URN}a"]
    assert log.touched


def test_the_stacks_outputs_are_kept() -> None:
    new = {"type": "pulumi:pulumi:Stack", "urn": STACK, "id": "", "parent": "", "provider": "", "inputs": {}}
    log, said = log_of(done("same", "p-dev", "pulumi:pulumi:Stack", new={**new, "outputs": {"drawn": "x"}}))
    assert log.outputs == {"drawn": "x"}
    assert said == []


def test_the_programs_own_error_before_anything_was_touched_is_a_refusal() -> None:
    log, _ = log_of(error("promotion 3 is lower than 5\n"), pre("same", "p-dev", "pulumi:pulumi:Stack"))
    assert log.refused
    assert log.message() == "promotion 3 is lower than 5"


def test_an_error_on_the_stack_itself_is_the_programs_own() -> None:
    log, _ = log_of(error("no such config", STACK))
    assert log.refused
    assert log.message() == "no such config"


def test_an_error_after_something_was_touched_is_no_refusal() -> None:
    log, _ = log_of(done("create", "a"), error("boom"))
    assert not log.refused


def test_a_run_that_says_nothing_is_no_refusal() -> None:
    log, _ = log_of()
    assert not log.refused
    assert log.message() == ""


def test_a_resources_error_is_named_without_the_engines_own_noise() -> None:
    log, _ = log_of(
        error("Exception calling application: container never got ready\n", f"{URN}a"),
        failed("create", "a"),
        error("update failed\n"),
    )
    assert not log.refused
    assert log.touched
    assert log.message() == "a: container never got ready"


def test_a_change_knows_its_type_and_urn() -> None:
    log, _ = log_of(pre("create", "a"))
    assert listed(log.changes.values()) == (
        Change(urn=f"{URN}a", name="a", type="docker:Container", operation="create"),
    )
