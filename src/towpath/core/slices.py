"""Slices of the requests by their inputs: samples that have something in common."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from towpath.core.samples import Sample, Value, Values

_RANGES: Final = 4
_MOST_NUMBERED: Final = 8  # so many different whole numbers are names rather than quantities
_LONGEST: Final = 40  # characters; a longer text is no class
_DIGITS: Final = 4

Samples = list[Sample]


@dataclass(frozen=True, kw_only=True, slots=True)
class Slice:
    """Samples that have something in common; each arm's are compared with the other's.

    Attributes:
        feature: of the inputs; empty: all samples.
        label: the feature's value; empty where it is a quantity.
        above: the feature is above this bound; absent: none.
        upto: the feature is not above this one; absent: none.
    """

    feature: str = ""
    label: str = ""
    above: float | None = None
    upto: float | None = None

    @property
    def spoken(self) -> str:
        """In words. A text of a caller's is quoted, and what can't be printed of it is escaped."""
        name = self.feature if self.feature.isprintable() else repr(self.feature)
        if not self.feature:
            return "all samples"
        if self.label:
            return f"{name} is {self.label!r}"
        if self.above is None:
            return f"{name} up to {self.upto:g}"
        return f"{name} above {self.above:g}" if self.upto is None else f"{name} {self.above:g} to {self.upto:g}"


def columns(rows: Iterable[Values]) -> dict[str, list[Value]]:
    """Every name's values, over all rows that have it."""
    found: dict[str, list[Value]] = {}
    for row in rows:
        for name, value in row.items():
            found.setdefault(name, []).append(value)
    return found


def numbers_in(values: Sequence[Value]) -> list[float]:
    """All of them, if they are numbers; none where one is a text."""
    numbers = [value for value in values if not isinstance(value, str)]
    return numbers if len(numbers) == len(values) else []


def is_named(numbers: Sequence[float]) -> bool:
    """Whether they look like numbered classes: few different ones, all whole."""
    different = set(numbers)
    return len(different) <= _MOST_NUMBERED and all(number == int(number) for number in different)


def label_of(value: Value) -> str:
    """A class; empty for a text that is too long to be one."""
    text = value if isinstance(value, str) else f"{value:g}"
    return text if len(text) <= _LONGEST else ""


def slices(stable: Sequence[Sample], canary: Sequence[Sample]) -> Iterator[tuple[Slice, Samples, Samples]]:
    """All samples of both arms, then the parts that each feature cuts them into."""
    yield Slice(), list(stable), list(canary)
    for feature, values in columns(sample.inputs for sample in (*stable, *canary)).items():
        numbers = numbers_in(values)
        bounds = _bounds(numbers) if numbers and not is_named(numbers) else None
        old, new = (_grouped(arm, feature, bounds) for arm in (stable, canary))
        cuts = len(old.keys() | new.keys()) > 1
        for where in sorted(old.keys() & new.keys(), key=_in_order) if cuts else ():
            yield where, old[where], new[where]


def _grouped(arm: Sequence[Sample], feature: str, bounds: Sequence[float] | None) -> dict[Slice, Samples]:
    found: dict[Slice, Samples] = {}
    for sample in arm:
        value = sample.inputs.get(feature)
        where = None if value is None else _slice_of(feature, value, bounds)
        if where is not None:
            found.setdefault(where, []).append(sample)
    return found


def _slice_of(feature: str, value: Value, bounds: Sequence[float] | None) -> Slice | None:
    if bounds is None:
        label = label_of(value)
        return Slice(feature=feature, label=label) if label else None
    if isinstance(value, str) or not bounds:
        return None
    place = bisect_left(bounds, value)
    return Slice(
        feature=feature,
        above=bounds[place - 1] if place else None,
        upto=bounds[place] if place < len(bounds) else None,
    )


def _in_order(where: Slice) -> tuple[float, str]:
    return (-math.inf if where.above is None else where.above), where.label


def _bounds(numbers: Sequence[float]) -> tuple[float, ...]:
    """Between the quarters, with few digits: bounds to read, that give no single value away."""
    ordered = sorted(numbers)
    found = (ordered[len(ordered) * part // _RANGES] for part in range(1, _RANGES))
    return tuple(sorted({float(f"{value:.{_DIGITS}g}") for value in found}))
