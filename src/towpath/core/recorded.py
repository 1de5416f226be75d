"""Requests that users made, from the log of predictions that the serving kit writes."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from towpath.core.prediction_lines import Line, read_lines

_HALF: Final = re.compile("[\ud800-\udfff]")  # of a surrogate pair


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """Requests of users, and what of the log is none that could be sent again.

    Attributes:
        requests: bodies of the Open Inference Protocol, each once, the newest last.
        lines: of the log of predictions.
        probes: lines of requests of ours.
        failed: lines of requests that were refused or failed.
        partial: lines that lack something of their request.
        unread: lines that are broken, or of another format than this Towpath reads.
    """

    requests: tuple[str, ...]
    lines: int
    probes: int
    failed: int
    partial: int
    unread: int


def recorded(lines: Iterable[str], most: int) -> Recorded:
    """At most so many different requests, the newest, from lines of log that may have a replica's name in front."""
    logged = list(read_lines(lines))
    asked = [_asked(line) for line in logged]
    bodies = dict.fromkeys(reversed([one.body for one in asked if one.body]))
    reasons = [one.lacks for one in asked]
    return Recorded(
        requests=tuple(reversed(list(bodies)[:most])),
        lines=len(logged),
        probes=reasons.count("probe"),
        failed=reasons.count("failed"),
        partial=reasons.count("partial"),
        unread=reasons.count("unread"),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A request's body, or what keeps it from being sent again."""

    body: str = ""
    lacks: str = ""


def _asked(line: Line | None) -> _Asked:
    if line is None:
        return _Asked(lacks="unread")
    if line.probe:
        return _Asked(lacks="probe")
    if line.failed:
        return _Asked(lacks="failed")
    body = _body(line)
    return _Asked(body=body) if body else _Asked(lacks="partial")


def _body(line: Line) -> str:
    try:
        inputs = [{**tensor, "data": list(_flat(line.inputs[tensor["name"]]))} for tensor in line.tensors]
    except (KeyError, TypeError):  # not as the kit writes it
        return ""
    return _json({"inputs": inputs}) if inputs else ""


def _json(body: Mapping[str, object]) -> str:
    """What any file can hold: escaped where a caller sent half of a surrogate pair, for which UTF-8 has no bytes."""
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return json.dumps(body, separators=(",", ":")) if _HALF.search(text) else text


def _flat(rows: object) -> Iterator[object]:
    if not isinstance(rows, list):
        raise TypeError(rows)
    for row in rows:
        if isinstance(row, list):
            yield from row
        else:
            yield row
