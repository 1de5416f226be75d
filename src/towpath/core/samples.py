"""What was asked and answered, value by value, from the serving kit's log of predictions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from towpath.core.prediction_lines import Line, read_lines

_LARGEST: Final = 1e150  # whose square is still a number

Value = float | str
Values = Mapping[str, Value]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One request that was logged, and the first row of it: rows of one request are no independent samples.

    Attributes:
        at: when it was answered, seconds since the epoch.
        probe: one of our own requests.
        failed: it was refused or failed: any status from 400 on.
        inputs: by feature: a tensor's name, with its place in the row where a row has several values.
        outputs: the same of the answer; empty where it failed.
    """

    at: float
    probe: bool = False
    failed: bool = False
    inputs: Values = field(default_factory=dict)
    outputs: Values = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Samples:
    """A log that was read.

    Attributes:
        samples: in the order of its lines.
        unread: lines of predictions that are broken, or of another format than this Towpath reads.
    """

    samples: tuple[Sample, ...] = ()
    unread: int = 0


def read_samples(lines: Iterable[str]) -> Samples:
    """The predictions among log lines, whatever else the replicas wrote; each may have its replica's name in front."""
    found = list(read_lines(lines))
    whole = [line for line in found if line is not None]
    return Samples(samples=tuple(_sample(line) for line in whole), unread=len(found) - len(whole))


def balanced(
    stable: Sequence[Sample], canary: Sequence[Sample], since: float, ends: Sequence[float]
) -> tuple[list[Sample], list[Sample]]:
    """Of each span of time as many samples of one arm as of the other, spread evenly over what there is.

    A candidate's share of the traffic grows, so most of its samples are late and most of stable's early. A difference
    between the hours would look like one between the releases.

    Args:
        stable: its samples.
        canary: the candidate's.
        since: when the first span begins; samples of before, and of after the last one, are left out.
        ends: of the spans, rising.
    """
    kept: tuple[list[Sample], list[Sample]] = ([], [])
    for begin, end in pairwise((since, *ends)):
        own = [[sample for sample in arm if begin < sample.at <= end] for arm in (stable, canary)]
        fewer = min(map(len, own))
        for arm, found in zip(kept, own, strict=True):
            arm += [found[place * len(found) // fewer] for place in range(fewer)]
    return kept


def _sample(line: Line) -> Sample:
    return Sample(
        at=line.at,
        probe=line.probe,
        failed=line.failed,
        inputs=dict(_values(line.inputs)),
        outputs=dict(_values(line.outputs)),
    )


def _values(tensors: Mapping[str, object]) -> Iterator[tuple[str, Value]]:
    """Of every tensor the first row; null is no value."""
    for name, rows in tensors.items():
        row = rows[0] if isinstance(rows, list) and rows else None
        places = enumerate(row) if isinstance(row, list) else [(-1, row)]
        for place, raw in places:
            value = _value(raw)
            if value is not None:
                yield _told(name if place < 0 else f"{name}[{place}]"), value


def _value(raw: object) -> Value | None:
    match raw:
        case bool():
            return str(raw).lower()
        case int() | float():
            return float(raw) if abs(raw) < _LARGEST else None
        case str():
            return _told(raw)
        case _:
            return None


def _told(text: str) -> str:
    """The text as it can be written: a caller may send half of a surrogate pair, for which UTF-8 has no bytes."""
    return text.encode("utf-8", "backslashreplace").decode()
