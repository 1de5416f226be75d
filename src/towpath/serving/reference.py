"""`reference.json`, written by training: which outputs and inputs are counted, and where.

    {"version": 1, "rows": 143,
     "outputs": {
        "probability": {"kind": "score", "cuts": [0.01, 0.2, 0.9, 0.98, 0.999]},
        "class":       {"kind": "class", "classes": ["malignant", "benign"]}},
     "inputs": {
        "measurements": {"features": ["radius", "texture"], "cuts": [[10.2, 13.4, 19.5], [14.1, 18.9, 24.3]],
                         "counts": [[43, 128, 170, 85], [42, 129, 171, 84]]}}}

`inputs` may be absent; features without names are called by their place, from 0. `counts` says how many rows of the
training data lie up to the first cut of a feature, between each two, and above the last; without them requests can't
be held against the training data, whatever the cuts were meant to be. `column` picks one of several scores per row.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_MOST_SERIES = 64
_MOST_OUTPUTS = 32
_MOST_FEATURES = 64
_ROWS = "must have for each feature a list of whole numbers, one more than its cuts and not all 0"
_RISING = f"must be 1 to {_MOST_SERIES} rising numbers"


class BadReference(Exception):  # noqa: N818 - beside BadInput
    """reference.json can't be used; the message says all that is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """One output and how it is counted: at cuts, or by class (then `cuts` is empty)."""

    output: str
    cuts: tuple[float, ...]
    classes: tuple[str, ...]
    column: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchedInput:
    """One tensor of the requests: its features in order, the cuts of each, and its training rows between them."""

    tensor: str
    features: tuple[str, ...]
    cuts: tuple[tuple[float, ...], ...]
    counts: tuple[tuple[int, ...], ...] = ()  # none: training didn't say


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """What training wants counted."""

    outputs: tuple[Watched, ...] = ()
    inputs: tuple[WatchedInput, ...] = ()


def read(path: Path) -> Reference:
    """The file, held against what can be counted.

    Raises:
        BadReference: with everything that is wrong about it.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path.name} can't be read: {error}"
        raise BadReference(message) from error
    problems: list[str] = []
    reference = _reference(document, problems)
    if problems:
        message = f"{path.name}: {'; '.join(problems)}"
        raise BadReference(message)
    return reference


def _reference(document: object, problems: list[str]) -> Reference:
    if not isinstance(document, dict) or document.get("version") != 1:
        problems.append("must be an object with version 1")
        return Reference()
    outputs = tuple(_outputs(document.get("outputs"), problems))
    return Reference(outputs=outputs, inputs=tuple(_inputs(document.get("inputs", {}), problems)))


def _outputs(outputs: object, problems: list[str]) -> Iterator[Watched]:
    if not isinstance(outputs, dict):
        problems.append("outputs must be an object, one member per output")
        return
    if len(outputs) > _MOST_OUTPUTS:
        problems.append(f"outputs: {len(outputs)} are more than the {_MOST_OUTPUTS} that can be counted")
    for name, output in outputs.items():
        found = _output(name, output) if isinstance(output, dict) else "must be an object"
        if isinstance(found, str):
            problems.append(f"outputs.{name}: {found}")
        else:
            yield found


def _output(name: str, output: Mapping[str, object]) -> Watched | str:
    column = output.get("column")
    if column is not None and not isinstance(column, int):
        return "column must be a whole number"
    kind, classes = output.get("kind"), output.get("classes")
    if kind == "score":
        cuts = _rising(output.get("cuts"))
        return Watched(output=name, cuts=cuts, classes=(), column=column) if cuts else f"cuts {_RISING}"
    if kind != "class":
        return "kind must be score or class"
    if not isinstance(classes, list) or not 0 < len(classes) <= _MOST_SERIES:
        return f"classes must be a list of 1 to {_MOST_SERIES} names"
    return Watched(output=name, cuts=(), classes=tuple(map(str, classes)), column=column)


def _inputs(inputs: object, problems: list[str]) -> Iterator[WatchedInput]:
    if not isinstance(inputs, dict):
        problems.append("inputs must be an object, one member per tensor")
        return
    found = [_input(name, tensor, problems) for name, tensor in inputs.items()]
    count = sum(len(tensor.cuts) for tensor in found)
    if count > _MOST_FEATURES:
        problems.append(f"inputs: {count} features are more than the {_MOST_FEATURES} that can be counted")
    yield from found


def _input(name: str, tensor: object, problems: list[str]) -> WatchedInput:
    """The tensor, as far as it can be read; what can't is among the problems."""
    cuts = tensor.get("cuts") if isinstance(tensor, dict) else None
    if not isinstance(tensor, dict) or not isinstance(cuts, list) or not cuts:
        problems.append(f"inputs.{name}: must be an object whose cuts have a list of numbers per feature")
        return WatchedInput(tensor=name, features=(), cuts=())
    features = _features(tensor.get("features"), len(cuts))
    if not features:
        problems.append(f"inputs.{name}: features must be {len(cuts)} different names, one per list of cuts")
    called = features or tuple(map(str, range(len(cuts))))
    rising = tuple(map(_rising, cuts))
    wrong = [feature for feature, found in zip(called, rising, strict=True) if not found]
    problems += [f"inputs.{name}: cuts of {feature} {_RISING}" for feature in wrong]
    counts = _counts(tensor.get("counts"), rising)
    if counts is None:
        problems.append(f"inputs.{name}: counts {_ROWS}")
    return WatchedInput(tensor=name, features=called, cuts=rising, counts=counts or ())


def _counts(lists: object, cuts: tuple[tuple[float, ...], ...]) -> tuple[tuple[int, ...], ...] | None:
    """Training rows by feature and bin; none where they aren't told, None where they don't fit the cuts."""
    if lists is None:
        return ()
    if not isinstance(lists, list) or len(lists) != len(cuts):
        return None
    fit = all(_rows_fit(rows, len(own) + 1) for rows, own in zip(lists, cuts, strict=True))
    return tuple(map(tuple, lists)) if fit else None


def _rows_fit(rows: object, bins: int) -> bool:
    return isinstance(rows, list) and len(rows) == bins and all(type(n) is int and n >= 0 for n in rows) and any(rows)


def _features(names: object, count: int) -> tuple[str, ...]:
    """The names of so many features; none when they can't be."""
    if names is None:
        return tuple(map(str, range(count)))
    fit = isinstance(names, list) and all(isinstance(name, str) and name for name in names)
    return tuple(names) if isinstance(names, list) and fit and len(set(names)) == len(names) == count else ()


def _rising(cuts: object) -> tuple[float, ...]:
    """The cuts as floats; none when they can't be used."""
    if not isinstance(cuts, list) or len(cuts) > _MOST_SERIES:
        return ()
    numbers = [_finite(cut) for cut in cuts]
    known = tuple(number for number in numbers if number is not None)
    usable = len(known) == len(numbers) and all(low < high for low, high in pairwise(known))
    return known if usable else ()


def _finite(cut: object) -> float | None:
    if isinstance(cut, bool) or not isinstance(cut, int | float):
        return None
    try:
        number = float(cut)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
