"""The events of a run as the CLI writes them into a file, for a run that begins before the SDK is imported; pure."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What becomes of a resource."""

    outputs: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Metadata:
    """What is done to which resource."""

    op: str
    urn: str
    type: str
    diffs: Sequence[str]
    detailed_diff: Mapping[str, Any]
    new: State | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceEvent:
    """One resource's turn."""

    metadata: Metadata
    planning: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Diagnostic:
    """Something that was said of a resource, or of none."""

    urn: str
    message: str
    severity: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """As much of the SDK's `EngineEvent` as anybody here looks at, under its names."""

    resource_pre_event: ResourceEvent | None = None
    res_outputs_event: ResourceEvent | None = None
    res_op_failed_event: ResourceEvent | None = None
    diagnostic_event: Diagnostic | None = None
    summary_event: Mapping[str, Any] | None = None


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    """Every event that was written to its end; a run that was killed leaves half a line."""
    for line in lines:
        if line.endswith("\n"):
            yield _event(json.loads(line))


def _event(told: Mapping[str, Any]) -> Event:
    return Event(
        resource_pre_event=_resource(told.get("resourcePreEvent")),
        res_outputs_event=_resource(told.get("resOutputsEvent")),
        res_op_failed_event=_resource(told.get("resOpFailedEvent")),
        diagnostic_event=_diagnostic(told.get("diagnosticEvent")),
        summary_event=told.get("summaryEvent"),
    )


def _resource(told: Mapping[str, Any] | None) -> ResourceEvent | None:
    if told is None:
        return None
    one, new = told["metadata"], told["metadata"].get("new")
    metadata = Metadata(
        op=one["op"],
        urn=one["urn"],
        type=one["type"],
        diffs=one.get("diffs") or (),
        detailed_diff=one.get("detailedDiff") or {},
        new=None if new is None else State(outputs=new.get("outputs") or {}),
    )
    return ResourceEvent(metadata=metadata, planning=bool(told.get("planning")))


def _diagnostic(told: Mapping[str, Any] | None) -> Diagnostic | None:
    if told is None:
        return None
    return Diagnostic(urn=told.get("urn", ""), message=told["message"], severity=told["severity"])
