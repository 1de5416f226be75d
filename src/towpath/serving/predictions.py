"""What a model predicts, counted at the cuts its training fixed, so that two releases can be compared.

`reference.json`, written by training:

    {"version": 1, "rows": 143, "outputs": {
        "probability": {"kind": "score", "cuts": [0.01, 0.2, 0.9, 0.98, 0.999]},
        "class":       {"kind": "class", "classes": ["malignant", "benign"]}}}

A score counts into a histogram with exactly these cuts, a class into one counter per named class and `other`. An output
the reference doesn't name is not counted. `column` picks one of several scores per row.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from towpath.serving.metrics import Histogram, Seen
from towpath.serving.tensors import Tensor

PROBE_HEADER = "x-towpath-arm"
"""A request that carries it asked for this arm by name, as probes do: counted apart, never summed with live traffic."""

_MOST_SERIES = 64
_OTHER = "other"


class BadReference(Exception):  # noqa: N818 - beside BadInput
    """reference.json can't be used; the message says all that is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """One output and how it is counted: at cuts, or by class (then `cuts` is empty)."""

    output: str
    cuts: tuple[float, ...]
    classes: tuple[str, ...]
    column: int | None


class Predictions:
    """Counts the outputs that the reference names."""

    def __init__(self, watched: Sequence[Watched] = ()) -> None:
        self.seen = Seen()
        self._watched = {item.output: item for item in watched}
        for item in watched:  # a series that is missing looks like one that was lost, so all begin at nought
            self._count(item, [], probe=False)
            self._count(item, [], probe=True)

    def observe(self, tensors: Sequence[Tensor], *, probe: bool) -> None:
        """Count one answer. Safe to call from any thread; values of another kind than the reference's are left out."""
        for tensor in tensors:
            watched = self._watched.get(tensor.name)
            if watched is not None:
                self._count(watched, list(_values(tensor, watched.column)), probe=probe)

    def _count(self, watched: Watched, values: list[object], *, probe: bool) -> None:
        labels = (("output", watched.output), ("probe", str(probe).lower()))
        with self.seen.lock:
            if watched.cuts:
                histogram = self.seen.scores.setdefault(labels, Histogram(watched.cuts))
                for value in values:
                    if isinstance(value, int | float):
                        histogram.observe(value)
                return
            for name in (*watched.classes, _OTHER):
                self.seen.classes.setdefault((*labels, ("class", name)), 0)
            for value in values:
                name = str(value) if str(value) in watched.classes else _OTHER
                self.seen.classes[*labels, ("class", name)] += 1


def read_reference(path: Path | None) -> Predictions:
    """What to count, from the file training wrote; nothing when there is no file.

    Raises:
        BadReference: the file can't be used.
    """
    if path is None:
        return Predictions()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path.name} can't be read: {error}"
        raise BadReference(message) from error
    problems: list[str] = []
    watched = list(_watched(document, problems))
    if problems:
        message = f"{path.name}: {'; '.join(problems)}"
        raise BadReference(message)
    return Predictions(watched)


def _watched(document: object, problems: list[str]) -> Iterator[Watched]:
    if not isinstance(document, dict) or document.get("version") != 1:
        problems.append("must be an object with version 1")
        return
    outputs = document.get("outputs")
    if not isinstance(outputs, dict):
        problems.append("outputs must be an object, one member per output")
        return
    for name, output in outputs.items():
        found = _one(name, output) if isinstance(output, dict) else "must be an object"
        if isinstance(found, str):
            problems.append(f"outputs.{name}: {found}")
        else:
            yield found


def _one(name: str, output: Mapping[str, object]) -> Watched | str:
    column = output.get("column")
    if column is not None and not isinstance(column, int):
        return "column must be a whole number"
    kind, cuts, classes = output.get("kind"), output.get("cuts"), output.get("classes")
    if kind == "score" and isinstance(cuts, list) and _rising(cuts):
        return Watched(output=name, cuts=tuple(float(cut) for cut in cuts), classes=(), column=column)
    if kind == "class" and isinstance(classes, list) and 0 < len(classes) <= _MOST_SERIES:
        return Watched(output=name, cuts=(), classes=tuple(map(str, classes)), column=column)
    if kind == "score":
        return f"cuts must be 1 to {_MOST_SERIES} rising numbers"
    if kind == "class":
        return f"classes must be a list of 1 to {_MOST_SERIES} names"
    return "kind must be score or class"


def _rising(cuts: Sequence[object]) -> bool:
    numbers = [cut for cut in cuts if isinstance(cut, int | float)]
    rising = all(low < high for low, high in pairwise(numbers))
    return len(numbers) == len(cuts) and 0 < len(cuts) <= _MOST_SERIES and rising


def _values(tensor: Tensor, column: int | None) -> Sequence[object]:
    if column is None or len(tensor.shape) == 1:
        return tensor.data
    width = tensor.shape[-1]
    return tensor.data[column::width] if -width <= column < width else ()
