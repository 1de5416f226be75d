"""Events as the CLI writes them into a file."""

import json
from collections.abc import Mapping
from typing import Any

from pulumi.automation.events import EngineEvent

from towpath.adapters.engine_event_log import Event, events_in
from towpath.adapters.engine_events import RunLog

URN = "urn:pulumi:dev::p::docker:Container::a"
STACK = "pulumi:pulumi:Stack"


def step(op: str, kind: str = "docker:Container", **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    return {"op": op, "urn": URN, "type": kind, "provider": "", **more}


NEW = {"type": STACK, "urn": URN, "id": "", "parent": "", "provider": "", "inputs": {}, "outputs": {"drawn": "x"}}
MOVED = {"image": {"diffKind": "update", "inputDiff": True}}
TOLD: tuple[Mapping[str, Any], ...] = (
    {"preludeEvent": {"config": {}}},
    {
        "resourcePreEvent": {
            "metadata": step("update", diffs=["env[0]"], detailedDiff=MOVED),
            "planning": True,
        }
    },
    {"resourcePreEvent": {"metadata": step("create"), "planning": True}},
    {"resOutputsEvent": {"metadata": step("create"), "planning": True}},
    {"resOutputsEvent": {"metadata": step("same", STACK, new=NEW)}},
    {"resOpFailedEvent": {"metadata": step("create"), "status": 0, "steps": 0}},
    {"diagnosticEvent": {"message": "boom\n", "color": "never", "severity": "error", "urn": URN}},
    {"diagnosticEvent": {"message": "boom\n", "color": "never", "severity": "error"}},
    {"diagnosticEvent": {"message": "registering\n", "color": "never", "severity": "debug"}},
    {"summaryEvent": {"maybeCorrupt": False, "durationSeconds": 1, "resourceChanges": {"same": 1}, "PolicyPacks": {}}},
    {"cancelEvent": {}},
)


def lines() -> list[str]:
    return [json.dumps({"sequence": number, "timestamp": 0, **told}) + "\n" for number, told in enumerate(TOLD)]


def log_of(*events: "Event | EngineEvent") -> tuple[RunLog, list[str]]:
    said: list[str] = []
    log = RunLog(say=said.append)
    for event in events:
        log.take(event)
    return log, said


def test_a_run_logs_the_same_whether_the_sdk_or_the_file_tells_its_events() -> None:
    from_file, said_by_file = log_of(*events_in(lines()))
    from_sdk, said_by_sdk = log_of(*(EngineEvent.from_json(json.loads(line)) for line in lines()))
    said_by_file_and_kept = (said_by_file, from_file.changes, from_file.done, from_file.failed, from_file.errors)
    assert said_by_file_and_kept == (said_by_sdk, from_sdk.changes, from_sdk.done, from_sdk.failed, from_sdk.errors)
    assert from_file.outputs == from_sdk.outputs == {"drawn": "x"}
    assert from_file.ended
    assert from_sdk.ended
    assert from_file.changes
    assert from_file.failed
    assert len(from_file.errors) == 2


def test_half_a_line_of_a_run_that_was_killed_is_left_out() -> None:
    whole = lines()
    assert len(list(events_in([*whole, whole[0][:20]]))) == len(TOLD)
