"""What a model's replicas count of the requests they get, feature by feature."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


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
