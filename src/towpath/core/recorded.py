"""Requests that users made, from the log of predictions that the serving kit writes."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_FORMAT: Final = 1
_ERROR: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """Requests of users, and what of the log is none that could be sent again.

    Attributes:
        requests: bodies of the Open Inference Protocol, each once, the newest last.
        lines: of the log of predictions.
        probes: lines of requests of ours.
        failed: lines of requests that were refused or failed.
        partial: lines that lack something of their request.
    """

    requests: tuple[str, ...]
    lines: int
    probes: int
    failed: int
    partial: int


def recorded(lines: Iterable[str], most: int) -> Recorded:
    """At most so many different requests, the newest, from lines of log that may have a replica's name in front."""
    logged = list(_logged(lines))
    asked = [_asked(entry) for entry in logged]
    bodies = dict.fromkeys(reversed([one.body for one in asked if one.body]))
    reasons = [one.lacks for one in asked]
    return Recorded(
        requests=tuple(reversed(list(bodies)[:most])),
        lines=len(logged),
        probes=reasons.count("probe"),
        failed=reasons.count("failed"),
        partial=reasons.count("partial"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A request's body, or what keeps it from being sent again."""

    body: str = ""
    lacks: str = ""


def _logged(lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        _, brace, rest = line.partition("{")
        try:
            entry = json.loads(brace + rest)
        except ValueError:
            continue  # whatever else the model prints
        if isinstance(entry, dict) and (entry.get("towpath"), entry.get("v")) == ("prediction", _FORMAT):
            yield entry


def _asked(entry: Mapping[str, Any]) -> _Asked:
    if entry.get("probe"):
        return _Asked(lacks="probe")
    try:
        if int(entry["status"]) >= _ERROR:
            return _Asked(lacks="failed")
        inputs = [{**tensor, "data": list(_flat(entry["inputs"][tensor["name"]]))} for tensor in entry["tensors"]]
    except (KeyError, TypeError, ValueError):  # a line without tensors isn't whole, or isn't the kit's
        return _Asked(lacks="partial")
    return _Asked(body=json.dumps({"inputs": inputs}, separators=(",", ":"), ensure_ascii=False))


def _flat(rows: Iterable[object]) -> Iterator[object]:
    for row in rows:
        if isinstance(row, list):
            yield from row
        else:
            yield row
