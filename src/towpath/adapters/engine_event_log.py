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
class Step:
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

    resource_pre_event: Step | None = None
    res_outputs_event: Step | None = None
    res_op_failed_event: Step | None = None
    diagnostic_event: Diagnostic | None = None


def events_in(lines: Iterable[str]) -> Iterator[Event]:
    """Every event that was written to its end; a run that was killed leaves half a line."""
    for line in lines:
        if line.endswith("\n"):
            yield _event(json.loads(line))


def _event(told: Mapping[str, Any]) -> Event:
    return Event(
        resource_pre_event=_step(told.get("resourcePreEvent")),
        res_outputs_event=_step(told.get("resOutputsEvent")),
        res_op_failed_event=_step(told.get("resOpFailedEvent")),
        diagnostic_event=_diagnostic(told.get("diagnosticEvent")),
    )


def _step(told: Mapping[str, Any] | None) -> Step | None:
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
    return Step(metadata=metadata, planning=bool(told.get("planning")))


def _diagnostic(told: Mapping[str, Any] | None) -> Diagnostic | None:
    if told is None:
        return None
    return Diagnostic(urn=told.get("urn", ""), message=told["message"], severity=told["severity"])
