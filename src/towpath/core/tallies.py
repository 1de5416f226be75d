"""What a model's replicas count of their own predictions, and what was counted between two readings."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from towpath.core.inputs import ArmsAsked, Asked, fell, less, together

REPLICA_HEADER: Final = "x-towpath-replica"  # ip:port of the replica whose counts a router's `/replica` passes on

Arm = Literal["stable", "canary"]


class Counted(NamedTuple):
    """One kind of prediction: a score above a bound, or a class.

    Every look at a replica looks up hundreds of kinds; a tuple's hash is many times faster than a dataclass's.

    Attributes:
        output: the model's output.
        above: the bound of a score; absent: a class.
        label: the class; empty for a score.
    """

    output: str
    above: float | None = None
    label: str = ""

    @property
    def spoken(self) -> str:
        """The kind, in words."""
        return f"{self.output} is {self.label}" if self.above is None else f"{self.output} above {self.above:g}"

    @property
    def contrary(self) -> str:
        """Every other prediction of that output, in words."""
        return f"{self.output} isn't {self.label}" if self.above is None else f"{self.output} up to {self.above:g}"


class Tally(NamedTuple):
    """So many of so many predictions were of a kind."""

    events: int = 0
    cases: int = 0


Tallies = Mapping[Counted, Tally]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSample:
    """One reading of one replica of the model.

    Attributes:
        replica: its name.
        arm: whose replica it is.
        live: counts of users' requests since the replica began.
        probe: the same of ours.
        asked: what users' requests were like, since the replica began.
    """

    replica: str
    arm: Arm
    live: Tallies = field(default_factory=dict)
    probe: Tallies = field(default_factory=dict)
    asked: Asked = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ArmTallies:
    """Growth in both arms, over all replicas that were read twice."""

    stable: Tallies = field(default_factory=dict)
    canary: Tallies = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class TalliesGrown:
    """What happened between two readings, and which replicas don't count in it."""

    live: ArmTallies = ArmTallies()
    probe: ArmTallies = ArmTallies()
    asked: ArmsAsked = field(default_factory=ArmsAsked)
    lost: tuple[str, ...] = ()


def grown(before: Sequence[ModelSample], after: Sequence[ModelSample]) -> TalliesGrown:
    """Difference the counts per replica; one that appears, vanishes or began again doesn't count this time."""
    old, new = ({sample.replica: sample for sample in samples} for samples in (before, after))
    lost = {name: why for name in sorted(old.keys() | new.keys()) if (why := _unusable(old.get(name), new.get(name)))}
    kept = [(old[name], new[name]) for name in sorted(old.keys() & new.keys()) if name not in lost]
    differences = [_difference(past, now) for past, now in kept]
    return TalliesGrown(
        live=ArmTallies(stable=total(differences, "stable"), canary=total(differences, "canary")),
        probe=ArmTallies(
            stable=total(differences, "stable", probe=True), canary=total(differences, "canary", probe=True)
        ),
        asked=ArmsAsked(stable=total_asked(differences, "stable"), canary=total_asked(differences, "canary")),
        lost=tuple(f"model replica {name}: {why}" for name, why in lost.items()),
    )


def total_asked(samples: Sequence[ModelSample], arm: Arm) -> Asked:
    """What users asked of an arm, over its replicas."""
    return together(sample.asked for sample in samples if sample.arm == arm)


def total(samples: Sequence[ModelSample], arm: Arm, *, probe: bool = False) -> dict[Counted, Tally]:
    """The sum over an arm's replicas."""
    return _sum(sample.probe if probe else sample.live for sample in samples if sample.arm == arm)


def common(samples: Sequence[ModelSample]) -> tuple[Counted, ...]:
    """Kinds that every replica of both arms counts; none unless both arms have a replica."""
    if {sample.arm for sample in samples} != {"stable", "canary"}:
        return ()
    everywhere = set.intersection(*({*sample.live} & {*sample.probe} for sample in samples))
    return tuple(kind for kind in samples[0].live if kind in everywhere)


def _unusable(before: ModelSample | None, after: ModelSample | None) -> str:
    if before is None or after is None:
        return "appeared" if before is None else "vanished"
    if before.arm != after.arm:
        return "is of another release now"
    went_back = any(
        kind in new and (new[kind].events < old.events or new[kind].cases < old.cases)
        for past, new in ((before.live, after.live), (before.probe, after.probe))
        for kind, old in past.items()
    )
    return "its counters started again" if went_back or fell(before.asked, after.asked) else ""


def _difference(before: ModelSample, after: ModelSample) -> ModelSample:
    return ModelSample(
        replica=after.replica,
        arm=after.arm,
        live=_minus(after.live, before.live),
        probe=_minus(after.probe, before.probe),
        asked=less(after.asked, before.asked),
    )


def _minus(new: Tallies, old: Tallies) -> dict[Counted, Tally]:
    return {
        kind: Tally(events=now.events - old[kind].events, cases=now.cases - old[kind].cases)
        for kind, now in new.items()
        if kind in old
    }


def _sum(many: Iterable[Tallies]) -> dict[Counted, Tally]:
    found: dict[Counted, Tally] = {}
    for tallies in many:
        for kind, tally in tallies.items():
            before = found.get(kind, Tally())
            found[kind] = Tally(events=before.events + tally.events, cases=before.cases + tally.cases)
    return found
