"""What a model is asked, counted per feature at the cuts of its training data, so that a drift of requests is seen."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from towpath.serving.metrics import Family, HistogramRow, Labels, Sample, series
from towpath.serving.reference import WatchedInput

COUNT_INPUTS = "TOWPATH_COUNT_INPUTS"  # 0: features aren't counted, whatever the reference names

_ROWS_AT_ONCE = 32  # the lock is given back so often, for the event loop reads under it too


def read_count_inputs(told: Mapping[str, str], problems: list[str]) -> bool:
    """Whether features are counted; what can't be read is added to the problems."""
    text = told.get(COUNT_INPUTS) or "1"
    if text not in ("0", "1"):
        problems.append(f"{COUNT_INPUTS} is {text!r}, and must be 0 or 1")
    return text == "1"


class InputCounts:
    """Counts the features that the reference names."""

    def __init__(self, watched: Sequence[WatchedInput] = ()) -> None:
        self._lock = threading.Lock()
        self._trained = [row for item in watched for row in _training_rows(item)]
        self._counts = {
            (item.tensor, probe): HistogramRow("towpath_inputs", _labels(item, probe=probe), item.cuts)
            for item in watched
            for probe in (False, True)
        }

    def observe(self, inputs: Mapping[str, object], *, probe: bool) -> None:
        """Count every row of one request. Safe to call from any thread; tensors of another form are left out."""
        for name, tensor in inputs.items():
            histograms = self._counts.get((name, probe))
            if histograms is not None:
                self._count(histograms, feature_rows(tensor, len(histograms)))

    def _count(self, histograms: HistogramRow, rows: Sequence[Sequence[float]]) -> None:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            with self._lock:
                for row in rows[start : start + _ROWS_AT_ONCE]:
                    histograms.observe(row)

    def families(self) -> list[Family]:
        """What was asked, for the exposition."""
        with self._lock:
            samples = [sample for histograms in self._counts.values() for sample in histograms.samples()]
        about, trained = "Features of requests at the cuts of the reference.", "Training rows up to the same cuts."
        return [
            Family(name="towpath_inputs", kind="histogram", about=about, samples=samples),
            Family(name="towpath_inputs_reference", kind="gauge", about=trained, samples=self._trained),
        ]


def _labels(item: WatchedInput, *, probe: bool) -> list[Labels]:
    asked = str(probe).lower()
    return [(("input", item.tensor), ("feature", feature), ("probe", asked)) for feature in item.features]


def _training_rows(item: WatchedInput) -> Iterator[Sample]:
    """Cumulative, as the buckets of a histogram; none where training didn't say."""
    for feature, cuts, counts in zip(item.features, item.cuts, item.counts, strict=False):
        labels = (("input", item.tensor), ("feature", feature))
        for edge, rows in zip((*map(repr, cuts), "+Inf"), accumulate(counts), strict=True):
            yield Sample(series=series("towpath_inputs_reference", (*labels, ("le", edge))), value=rows)


def feature_rows(tensor: object, width: int) -> list[list[float]]:
    """A numeric tensor as rows of `width` features, its last dimension; none for any other tensor.

    A tensor of one dimension is one row or, for one feature, a value per row.
    """
    rows: list[Any] = tensor if isinstance(tensor, list) else []
    while rows and isinstance(rows[0], list) and rows[0] and isinstance(rows[0][0], list):
        rows = [row for block in rows for row in block]
    if rows and not isinstance(rows[0], list):
        rows = [[value] for value in rows] if width == 1 else [rows]
    fits = bool(rows) and len(rows[0]) == width and type(rows[0][0]) in (int, float)
    return rows if fits else []
