"""The beginning of tensors, bounded in every direction, for a line of the log."""

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from towpath.serving.tensors import Tensor

_LEAST, _MOST = -(2**63), 2**64 - 1  # whole numbers beyond have more digits than any datatype


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What fits into an excerpt.

    Attributes:
        values: of each tensor, in whole rows; of a first row that is longer, its beginning.
        characters: of each text and name.
    """

    tensors: int = 32
    rows: int = 4
    values: int = 64
    characters: int = 200

    def halved(self) -> "Limits":
        """Half the values, texts half as long."""
        values, characters = max(1, self.values // 2), max(1, self.characters // 2)
        return Limits(tensors=self.tensors, rows=self.rows, values=values, characters=characters)


@dataclass(slots=True)
class Excerpt:
    """Rows by tensor; a row of a tensor with more than one dimension is a flat list.

    Attributes:
        cut: something isn't here, or not as it was.
    """

    tensors: dict[str, list[object]] = field(default_factory=dict)
    cut: bool = False


def excerpt(tensors: Mapping[str, Sequence[object]], limits: Limits) -> Excerpt:
    """The beginning of the rows of every tensor."""
    found = Excerpt(cut=len(tensors) > limits.tensors)
    for name, rows in islice(tensors.items(), limits.tensors):
        kept = list(_rows(rows, limits, found))
        found.cut = found.cut or len(kept) < len(rows)
        found.tensors[str(_value(name, limits, found))] = kept
    return found


def rows_of(tensor: Tensor, limits: Limits) -> list[object]:
    """As many rows and values of an output as an excerpt looks at: one more than it takes."""
    if len(tensor.shape) == 1:
        return tensor.data[: limits.rows + 1]
    width = math.prod(tensor.shape[1:])
    seen = min(width, limits.values + 1)
    return [tensor.data[row * width : row * width + seen] for row in range(min(tensor.shape[0], limits.rows + 1))]


def blanked(rows: Sequence[object], width: int, places: Container[int], limits: Limits) -> list[object]:
    """As many rows and values as an excerpt looks at, null at these places of a last dimension of `width`."""
    most = limits.values + 1
    seen = (islice(_leaves(row, most), most) for row in rows[: limits.rows + 1])
    return [[None if place % width in places else value for place, value in enumerate(row)] for row in seen]


def _rows(rows: Sequence[object], limits: Limits, found: Excerpt) -> Iterator[object]:
    room, most = limits.values, limits.values + 1
    for place, row in enumerate(rows[: limits.rows]):
        values = list(islice(_leaves(row, most), most))
        if len(values) > room and place > 0:
            return
        found.cut = found.cut or len(values) > room
        kept = [_value(value, limits, found) for value in values[: limits.values]]
        yield kept if isinstance(row, list) else kept[0]
        room -= len(values)


def _leaves(row: object, most: int) -> Iterator[object]:
    """The first values of nested lists; without recursion, for a caller chooses how deep they are."""
    waiting = [row]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting.extend(reversed(item[:most]))
        else:
            yield item


def _value(value: object, limits: Limits, found: Excerpt) -> object:
    """The value as JSON has it; null for a number that it has no word for."""
    if isinstance(value, str):
        found.cut = found.cut or len(value) > limits.characters
        return value[: limits.characters]
    strange = (
        not math.isfinite(value)
        if isinstance(value, float)
        else isinstance(value, int) and not _LEAST <= value <= _MOST
    )
    found.cut = found.cut or strange
    return None if strange else value
