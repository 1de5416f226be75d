"""Counters and histograms in Prometheus' text format: the few the kit needs, of fixed cardinality."""

import bisect
import math
import operator
import os
import resource
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

LATENCY_EDGES = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2),
    *(0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 30.0, 60.0, 120.0),
)
"""Upper edges in seconds. Close together: a judge can't see a change that falls between two edges."""

_LARGEST = sys.float_info.max

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One line of the exposition.

    Attributes:
        series: name and labels, as `series` writes them.
    """

    series: str
    value: float

    def line(self) -> str:
        """As Prometheus reads it."""
        return f"{self.series} {self.value!r}"


def series(name: str, labels: Labels = ()) -> str:
    """What a sample is of."""
    inner = ",".join(f'{label}="{_escape(value)}"' for label, value in labels)
    return f"{name}{{{inner}}}" if inner else name


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """All samples of one metric."""

    name: str
    kind: str
    about: str
    samples: Sequence[Sample]

    def text(self) -> str:
        """The block of the exposition."""
        head = f"# HELP {self.name} {self.about}\n# TYPE {self.name} {self.kind}\n"
        return head + "".join(f"{sample.line()}\n" for sample in self.samples)


class Histogram:
    """Counts per bucket, cumulative only when read."""

    __slots__ = ("_counts", "_edges", "_series", "_sum")

    def __init__(self, name: str, labels: Labels, edges: Sequence[float]) -> None:
        self._edges = tuple(edges)
        self._counts = [0] * (len(edges) + 1)
        self._sum = 0.0
        self._series = _histogram_series(name, labels, edges)

    def observe(self, value: float) -> None:
        """Count one value; it belongs to the first edge that isn't below it, what is no number to none.

        The sum is of finite values: one NaN would leave nothing of it.
        """
        self._sum += _count(self._edges, self._counts, value)

    def samples(self) -> list[Sample]:
        """Buckets, sum and count."""
        return _histogram_samples(self._series, self._counts, self._sum)


class HistogramRow:
    """Histograms side by side that count a row of values, one each: faster than one after the other."""

    __slots__ = ("_counts", "_edges", "_series", "_sums")

    def __init__(self, name: str, labels: Sequence[Labels], edges: Sequence[Sequence[float]]) -> None:
        self._edges = [tuple(one) for one in edges]
        self._counts = [[0] * (len(one) + 1) for one in edges]
        self._sums = [0.0] * len(edges)
        self._series = [_histogram_series(name, *one) for one in zip(labels, edges, strict=True)]

    def __len__(self) -> int:
        """How many values `observe` takes."""
        return len(self._edges)

    def observe(self, values: Sequence[float]) -> None:
        """Count a row.

        Raises:
            ValueError: it has another length.
        """
        if len(values) != len(self):
            raise ValueError(f"{len(values)} values for {len(self)} histograms")
        sums = self._added(values)
        if sums is None:
            each = zip(self._edges, self._counts, self._sums, values, strict=True)
            self._sums = [total + _count(edges, counts, value) for edges, counts, total, value in each]
            return
        for counts, place in zip(self._counts, map(bisect.bisect_left, self._edges, values), strict=True):
            counts[place] += 1
        self._sums = sums

    def _added(self, values: Sequence[float]) -> list[float] | None:
        """The sums with these values; None where one may not be finite."""
        try:
            return list(map(operator.add, self._sums, values)) if math.isfinite(sum(values)) else None
        except OverflowError:  # a whole number beyond all floats
            return None

    def samples(self) -> list[Sample]:
        """Buckets, sum and count of each."""
        every = zip(self._series, self._counts, self._sums, strict=True)
        return [sample for one in every for sample in _histogram_samples(*one)]


def _count(edges: Sequence[float], counts: list[int], value: float) -> float:
    """Count one value; gives back what it adds to the sum."""
    if -_LARGEST <= value <= _LARGEST:
        counts[bisect.bisect_left(edges, value)] += 1
        return value
    counts[0 if value < 0 else -1] += 1
    return 0.0


def _histogram_series(name: str, labels: Labels, edges: Sequence[float]) -> tuple[str, ...]:
    """Written once: a page of thousands of them is read every few seconds."""
    buckets = (series(f"{name}_bucket", (*labels, ("le", edge))) for edge in (*map(repr, edges), "+Inf"))
    return (*buckets, series(f"{name}_sum", labels), series(f"{name}_count", labels))


def _histogram_samples(names: Sequence[str], counts: Sequence[int], total: float) -> list[Sample]:
    values = [*accumulate(counts), total, sum(counts)]
    return [Sample(series=name, value=value) for name, value in zip(names, values, strict=True)]


@dataclass(slots=True)
class Requests:
    """Requests for predictions: how many, how long, how many right now. Only the event loop touches it.

    Attributes:
        cut: those that the end of the process called off.
    """

    codes: dict[tuple[str, int], int] = field(default_factory=dict)
    seconds: dict[str, Histogram] = field(default_factory=dict)
    broken_streams: int = 0
    in_flight: int = 0
    cut: int = 0

    def began(self) -> None:
        """One more is under way."""
        self.in_flight += 1

    def ended(self, route: str, code: int, seconds: float) -> None:
        """One under way was answered, or its caller went away (499)."""
        self.in_flight -= 1
        key = (route, code)
        self.codes[key] = self.codes.get(key, 0) + 1
        histogram = self.seconds.get(route)
        if histogram is None:
            histogram = self.seconds[route] = Histogram("towpath_request_seconds", (("route", route),), LATENCY_EDGES)
        histogram.observe(seconds)

    def families(self) -> list[Family]:
        """What is known, for the exposition."""
        codes = [
            Sample(series=series("towpath_requests_total", (("route", route), ("code", str(code)))), value=count)
            for (route, code), count in sorted(self.codes.items())
        ]
        seconds = [sample for _, histogram in sorted(self.seconds.items()) for sample in histogram.samples()]
        return [
            Family(name="towpath_requests_total", kind="counter", about="Requests by status code.", samples=codes),
            Family(name="towpath_request_seconds", kind="histogram", about="Time to answer.", samples=seconds),
            single("towpath_in_flight", "gauge", "Requests under way.", self.in_flight),
            single("towpath_broken_streams_total", "counter", "Streams that failed midway.", self.broken_streams),
        ]


class Seen:
    """Counters of predictions by stratum; written by prediction threads, so every write holds the lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.scores: dict[Labels, Histogram] = {}
        self.classes: dict[Labels, int] = {}

    def families(self) -> list[Family]:
        """What was predicted, for the exposition."""
        with self.lock:
            scores = [sample for _, histogram in sorted(self.scores.items()) for sample in histogram.samples()]
            classes = [
                Sample(series=series("towpath_predicted_classes_total", labels), value=count)
                for labels, count in sorted(self.classes.items())
            ]
        scored, counted = "Scores at the common grid and the cuts of the reference.", "Predictions by class."
        return [
            Family(name="towpath_predictions", kind="histogram", about=scored, samples=scores),
            Family(name="towpath_predicted_classes_total", kind="counter", about=counted, samples=classes),
        ]


def single(name: str, kind: str, about: str, value: float) -> Family:
    """A metric of one sample without labels."""
    return Family(name=name, kind=kind, about=about, samples=(Sample(series=name, value=value),))


def release_info(release: str, digest: str) -> Family:
    """Whose series all the others are, to be joined with them; empty where the container wasn't told."""
    name = "towpath_release_info"
    sample = Sample(series=series(name, (("release", release), ("digest", digest))), value=1)
    return Family(name=name, kind="gauge", about="The release that is served.", samples=(sample,))


def process() -> list[Family]:
    """CPU and memory of this process, under the names everybody uses."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    resident = Path("/proc/self/statm")
    pages = int(resident.read_text(encoding="ascii").split()[1]) if resident.exists() else 0
    held = pages * os.sysconf("SC_PAGE_SIZE") or usage.ru_maxrss * 1024
    return [
        single("process_cpu_seconds_total", "counter", "CPU time used.", round(time.process_time(), 6)),
        single("process_resident_memory_bytes", "gauge", "Memory held.", held),
    ]


def exposition(families: Iterable[Family]) -> str:
    """The whole answer of `/metrics`."""
    return "".join(family.text() for family in families if family.samples)


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
