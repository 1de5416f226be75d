"""Where two releases answer most differently: measures of their answers in slices of the requests, ranked."""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import pstdev
from typing import Final

from towpath.core.difference import MISS, Difference, Moments, Share, moments, of_means, of_shares
from towpath.core.samples import Sample, Value
from towpath.core.slices import Slice, columns, is_named, label_of, numbers_in, slices

FEWEST: Final = 50  # samples of each arm in a slice; of fewer a mean says little
_MOST_CLASSES: Final = 8
_TWO: Final = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Measure:
    """What is compared within a slice.

    Attributes:
        output: of the model; empty: how many requests were refused or failed.
        label: the share of answers that are this class; empty: the output's mean.
        scale: standard deviation over all samples; of a share, of its events.
    """

    output: str = ""
    label: str = ""
    scale: float = 1.0

    @property
    def is_share(self) -> bool:
        """Whether it is a share rather than a mean."""
        return not self.output or bool(self.label)

    @property
    def spoken(self) -> str:
        """In words; texts of the model's are quoted."""
        if not self.output:
            return "refused or failed"
        name = self.output if self.output.isprintable() else repr(self.output)
        return f"{name} is {self.label!r}" if self.label else f"mean {name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """A share or a mean of one arm, over so many samples."""

    cases: int
    value: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """One measure in one slice.

    Attributes:
        difference: the candidate's minus stable's; the interval allows for all that were compared.
    """

    where: Slice
    measure: Measure
    stable: Figure
    canary: Figure
    difference: Difference

    @property
    def distance(self) -> tuple[float, float]:
        """How far it moved, in standard deviations: at least, by the interval; then as it was seen."""
        return self.difference.least / self.measure.scale, abs(self.difference.value) / self.measure.scale


@dataclass(frozen=True, kw_only=True, slots=True)
class Sliced:
    """All comparisons of one kind of requests.

    Attributes:
        stable: so many of its samples were there.
        canary: so many of the candidate's.
        compared: measures in slices, together; all intervals allow for that many.
        shifts: all of them, the farthest first.
    """

    stable: int
    canary: int
    compared: int
    shifts: tuple[Shift, ...]


def sliced(stable: Sequence[Sample], canary: Sequence[Sample]) -> Sliced:
    """Compare every measure in every slice that has `FEWEST` samples of each arm.

    Slices are the values of a feature that has few, or the quarters of all samples of one that has many. Each interval
    misses `MISS / compared` of the time, so that any of them misses at most `MISS` of the time, however slices overlap:
    that holds for the farthest as well, which is shown for being the farthest.

    Source: O. J. Dunn, Multiple comparisons among means, JASA 56 (1961), for Bonferroni's correction of intervals.
    """
    measures = tuple(_measures([*stable, *canary]))
    pairs = [pair for where, *arms in slices(stable, canary) for pair in _pairs(where, measures, *arms)]
    shifts = [pair.shift(MISS / len(pairs)) for pair in pairs]
    ranked = sorted(shifts, key=lambda shift: shift.distance, reverse=True)
    return Sliced(stable=len(stable), canary=len(canary), compared=len(pairs), shifts=tuple(ranked))


_Arm = list[Sample]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Pair:
    """A comparison to be made, once it is known of how many it is one."""

    where: Slice
    measure: Measure
    stable: Figure
    canary: Figure
    difference: Callable[[float], Difference]  # by how often it may miss

    def shift(self, miss: float) -> Shift:
        return Shift(
            where=self.where,
            measure=self.measure,
            stable=self.stable,
            canary=self.canary,
            difference=self.difference(miss),
        )


def _measures(samples: Sequence[Sample]) -> Iterator[Measure]:
    """What varies at all: what is the same in every sample can't have moved."""
    failed = Share(events=sum(sample.failed for sample in samples), cases=len(samples))
    every = [Measure(scale=_spread(failed))]
    for output, values in columns(sample.outputs for sample in samples).items():
        numbers = numbers_in(values)
        if numbers and not is_named(numbers):
            every.append(Measure(output=output, scale=pstdev(numbers)))
        else:
            every += _classes(output, values)
    yield from (measure for measure in every if measure.scale > 0)


def _classes(output: str, values: Sequence[Value]) -> list[Measure]:
    """The most frequent classes; of two the second says nothing that the first doesn't."""
    counts = Counter(label for value in values if (label := label_of(value)))
    most = counts.most_common(_MOST_CLASSES)
    shown = most[:1] if len(most) == _TWO else most
    return [
        Measure(output=output, label=label, scale=_spread(Share(events=count, cases=len(values))))
        for label, count in shown
    ]


def _spread(share: Share) -> float:
    return math.sqrt(share.value * (1 - share.value))


def _pairs(where: Slice, measures: Sequence[Measure], stable: _Arm, canary: _Arm) -> Iterator[_Pair]:
    for measure in measures:
        pair = (_shares if measure.is_share else _means)(where, measure, stable, canary)
        if min(pair.stable.cases, pair.canary.cases) >= FEWEST:
            yield pair


def _shares(where: Slice, measure: Measure, stable: _Arm, canary: _Arm) -> _Pair:
    old, new = _share(measure, stable), _share(measure, canary)
    figures = [Figure(cases=one.cases, value=one.value) for one in (old, new)]
    interval = partial(of_shares, old, new)
    return _Pair(where=where, measure=measure, stable=figures[0], canary=figures[1], difference=interval)


def _share(measure: Measure, arm: _Arm) -> Share:
    if not measure.output:
        return Share(events=sum(sample.failed for sample in arm), cases=len(arm))
    labels = [label_of(value) for sample in arm if (value := sample.outputs.get(measure.output)) is not None]
    return Share(events=labels.count(measure.label), cases=len(labels))


def _means(where: Slice, measure: Measure, stable: _Arm, canary: _Arm) -> _Pair:
    old, new = _moments(measure, stable), _moments(measure, canary)
    figures = [Figure(cases=one.count, value=one.mean) for one in (old, new)]
    interval = partial(of_means, old, new)
    return _Pair(where=where, measure=measure, stable=figures[0], canary=figures[1], difference=interval)


def _moments(measure: Measure, arm: _Arm) -> Moments:
    values = (sample.outputs.get(measure.output) for sample in arm)
    numbers = [value for value in values if isinstance(value, float)]
    return moments(numbers) if len(numbers) >= FEWEST else Moments(count=len(numbers))
