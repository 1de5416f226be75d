"""What a model predicts, counted so that two releases can be compared: what is counted, its training wrote.

A score counts into a histogram with the bounds of the grid, which every release shares, and the cuts of its reference;
a class into one counter per named class and `other`. An output the reference doesn't name is not counted.
"""

from collections.abc import Sequence
from pathlib import Path

from towpath.serving.drift import InputCounts
from towpath.serving.grid import with_grid
from towpath.serving.metrics import Histogram, Labels, Seen
from towpath.serving.reference import Reference, Watched, read
from towpath.serving.tensors import Tensor

PROBE_HEADER = "x-towpath-arm"
"""A request that carries it asked for this arm by name, as probes do: counted apart, never summed with live traffic."""

_OTHER = "other"
_VALUES_AT_ONCE = 1_000  # the lock is given back so often, for the event loop reads under it too


class Predictions:
    """Counts the outputs that the reference names; `inputs` counts what was asked.

    Attributes:
        features: names of the features of the inputs that the reference names, by tensor.
    """

    def __init__(self, reference: Reference | None = None, *, count_inputs: bool = True) -> None:
        reference = reference or Reference()
        self.seen = Seen()
        self.inputs = InputCounts(reference.inputs if count_inputs else ())
        self.features = {item.tensor: item.features for item in reference.inputs}
        self._watched = {item.output: item for item in reference.outputs}
        self._labels = {
            (item.output, probe): (("output", item.output), ("probe", str(probe).lower()))
            for item in reference.outputs
            for probe in (False, True)
        }
        for (output, _), labels in self._labels.items():
            self._begin(self._watched[output], labels)

    def observe(self, tensors: Sequence[Tensor], *, probe: bool) -> None:
        """Count one answer. Safe to call from any thread; values of another kind than the reference's are left out."""
        for tensor in tensors:
            watched = self._watched.get(tensor.name)
            if watched is not None:
                self._count(watched, _values(tensor, watched.column), self._labels[tensor.name, probe])

    def _begin(self, watched: Watched, labels: Labels) -> None:
        """Every series begins at nought, for one that is missing looks like one that was lost."""
        if watched.cuts:
            self.seen.scores[labels] = Histogram("towpath_predictions", labels, with_grid(watched.cuts))
        for name in (*watched.classes, _OTHER) if watched.classes else ():
            self.seen.classes[*labels, ("class", name)] = 0

    def _count(self, watched: Watched, values: Sequence[object], labels: Labels) -> None:
        if len(values) <= _VALUES_AT_ONCE:
            with self.seen.lock:
                self._add(watched, values, labels)
            return
        for start in range(0, len(values), _VALUES_AT_ONCE):
            with self.seen.lock:
                self._add(watched, values[start : start + _VALUES_AT_ONCE], labels)

    def _add(self, watched: Watched, values: Sequence[object], labels: Labels) -> None:
        if watched.cuts:
            histogram = self.seen.scores[labels]
            for value in values:
                if isinstance(value, int | float):
                    histogram.observe(value)
            return
        for value in values:
            name = str(value)
            self.seen.classes[*labels, ("class", name if name in watched.classes else _OTHER)] += 1


def read_reference(path: Path | None, *, count_inputs: bool = True) -> Predictions:
    """What to count, from the file training wrote; nothing when there is no file.

    Raises:
        BadReference: the file can't be used.
    """
    return Predictions(read(path) if path is not None else None, count_inputs=count_inputs)


def _values(tensor: Tensor, column: int | None) -> Sequence[object]:
    if column is None or len(tensor.shape) == 1:
        return tensor.data
    width = tensor.shape[-1]
    return tensor.data[column::width] if -width <= column < width else ()
