"""Lines of the serving kit's log of predictions, found among whatever else the replicas wrote."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

SAMPLE: Final = "TOWPATH_SAMPLE"  # variable of the serving kit: share of the requests that it logs
FORMAT: Final = 1
_BEGINS: Final = '{"towpath":"prediction"'  # as the kit writes it, without spaces
_REFUSED: Final = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One request that was logged.

    Attributes:
        at: when it was answered, seconds since the epoch.
        probe: one of our own requests.
        failed: it was refused or failed: any status from 400 on.
        inputs: by tensor the rows that were asked.
        outputs: by tensor the rows of the answer; empty where it failed.
        tensors: name, data type and shape of every input; empty where the line lacks something of the request.
    """

    at: float
    probe: bool
    failed: bool
    inputs: Mapping[str, object]
    outputs: Mapping[str, object] = field(default_factory=dict)
    tensors: Sequence[Mapping[str, Any]] = ()


def read_lines(lines: Iterable[str]) -> Iterator[Line | None]:
    """The predictions among log lines, each of which may have its replica's name in front.

    None stands for a prediction that is broken, or of another format than this Towpath reads.
    """
    for line in lines:
        place = line.find(_BEGINS)
        if place >= 0:
            yield _line(line[place:])


def _line(text: str) -> Line | None:
    try:
        entry: dict[str, Any] = json.loads(text)
        if entry["v"] != FORMAT:
            return None
        return Line(
            at=float(entry["at"]),
            probe=bool(entry["probe"]),
            failed=int(entry["status"]) >= _REFUSED,
            inputs=_by_name(entry["inputs"]),
            outputs=_by_name(entry.get("outputs", {})),
            tensors=tuple(entry.get("tensors", ())),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _by_name(raw: object) -> Mapping[str, object]:
    if not isinstance(raw, dict):
        raise TypeError(raw)
    return raw
