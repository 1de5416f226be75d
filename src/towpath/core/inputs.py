"""What a model's replicas count of the requests they get, feature by feature."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """One feature of the requests, and where its values are cut into bins.

    Attributes:
        input: the tensor it is in.
        name: its name; its place in the tensor where training named none.
        cuts: rising; a value at a cut is in the bin below it.
        trained: rows of the training data in each bin, one bin more than cuts; empty: not known.
    """

    input: str
    name: str
    cuts: tuple[float, ...]
    trained: tuple[int, ...] = ()

    @property
    def place(self) -> tuple[str, str]:
        """What makes it the same feature in two releases, whose cuts may differ."""
        return self.input, self.name

    @property
    def spoken(self) -> str:
        """What to call it."""
        return f"{self.input}[{self.name}]" if self.name.isdigit() else self.name


Asked = Mapping[Feature, tuple[int, ...]]  # rows of requests in each bin


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmsAsked:
    """Rows of users' requests to both arms."""

    stable: Asked = field(default_factory=dict)
    canary: Asked = field(default_factory=dict)


def fell(old: Asked, new: Asked) -> bool:
    """Whether a count is lower than it was."""
    both = ((count, new[feature]) for feature, count in old.items() if feature in new)
    return any(now < past for before, after in both for past, now in zip(before, after, strict=True))


def less(new: Asked, old: Asked) -> dict[Feature, tuple[int, ...]]:
    """The growth of every feature that was counted both times."""
    return {
        feature: tuple(now - past for now, past in zip(counts, old[feature], strict=True))
        for feature, counts in new.items()
        if feature in old
    }


def together(many: Iterable[Asked]) -> dict[Feature, tuple[int, ...]]:
    """The sum."""
    found: dict[Feature, tuple[int, ...]] = {}
    for asked in many:
        for feature, counts in asked.items():
            before = found.get(feature)
            found[feature] = counts if before is None else tuple(map(sum, zip(before, counts, strict=True)))
    return found


def features_of(reference: object) -> tuple[Feature, ...]:
    """The features whose training rows a `reference.json` tells, bin by bin.

    What can't be used of it is left out: the serving kit says what is wrong with it when the model is loaded.
    """
    inputs = reference.get("inputs") if isinstance(reference, dict) else None
    tensors = inputs.items() if isinstance(inputs, dict) else ()
    return tuple(feature for name, tensor in tensors for feature in _features(str(name), tensor))


def _features(tensor: str, told: object) -> Iterator[Feature]:
    cuts, counts, names = (told.get(key) if isinstance(told, dict) else None for key in ("cuts", "counts", "features"))
    if not (isinstance(cuts, list) and isinstance(counts, list)):
        return
    called = names if isinstance(names, list) else range(len(cuts))
    for name, own, rows in zip(called, cuts, counts, strict=False):
        if _rising(own) and _rows(rows) and len(rows) == len(own) + 1:
            yield Feature(input=tensor, name=str(name), cuts=tuple(map(float, own)), trained=tuple(rows))


def _rising(cuts: object) -> bool:
    """Whether these are rising numbers that a float can hold."""
    known = isinstance(cuts, list) and all(type(cut) in (int, float) and abs(cut) <= _LARGEST for cut in cuts)
    return isinstance(cuts, list) and known and all(low < high for low, high in pairwise(cuts))


def _rows(counts: object) -> bool:
    return isinstance(counts, list) and all(type(rows) is int and rows >= 0 for rows in counts)


_LARGEST = sys.float_info.max
