"""Users' requests over a canary, folded: whether they changed, and whether both arms are asked the same."""

import math
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median
from typing import Final, Literal

from towpath.core.drift import Rows, ks, ks_by_chance, pearson, psi, psi_bias, psi_by_chance
from towpath.core.drift_window import Growth, Window, all_alike, most_rows, requests_per_row, slid
from towpath.core.inputs import Asked, Feature, together

CHANCE: Final = 0.01  # of a hold without a reason, over the whole canary, all its features and looks
ENOUGH: Final = (
    1000  # requests that a window of all traffic needn't exceed, so that it soon forgets a change that ended
)
ENOUGH_OF_ARM: Final = 500  # the same of the arm with fewer
_FEWEST_BEFORE: Final = 500  # requests before which it isn't known what stable was asked before the canary
_FEWEST_OF_ARM: Final = 50  # of an arm, before it is asked whether it knows its requests from training
_MOST_NAMED: Final = 5
_MOST_SPREAD: Final = 60  # looks


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift:
    """A feature that lies elsewhere: what it is called, and how far off, as PSI without its bias or as KS."""

    feature: str
    measure: Literal["PSI", "KS"]
    value: float

    def __str__(self) -> str:
        return f"{self.feature} ({self.measure} {self.value:.2f})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Drift:
    """What one look says of users' requests.

    Attributes:
        changed: features unlike the training of both releases, and unlike what stable was asked before the canary.
        apart: features that aren't alike in both arms.
        standing: features unlike stable's training, and like before or like what the candidate was trained on.
    """

    changed: tuple[Shift, ...] = ()
    apart: tuple[Shift, ...] = ()
    standing: tuple[Shift, ...] = ()

    @property
    def reason(self) -> str:
        """Why predictions can't be trusted to compare the releases; empty when they can."""
        if self.apart:
            return f"the arms are asked different things: {listed(self.apart)}"
        return f"traffic changed: {listed(self.changed)}" if self.changed else ""

    @property
    def told(self) -> str:
        """What a person should know, reason or not."""
        if self.reason or not self.standing:
            return self.reason
        return f"requests are unlike the training data, but didn't change with this canary: {listed(self.standing)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Requests:
    """What all looks so far say of users' requests.

    Attributes:
        before: rows of stable's requests before the canary or, where it had too few, at its beginning.
        traffic: the newest looks with enough requests of both arms together.
        arms: the newest looks of this step with enough requests of each; in a step the arms' shares don't change.
        newest: rows of the newest look.
        spread: of each look, how many times more it differs from the look before than by chance; the newest ones.
        drift: what the newest look says.
        reason: the newest reason not to compare predictions.
        quiet: looks in a row since without one.
    """

    before: Asked = field(default_factory=dict)
    traffic: Window = field(default_factory=Window)
    arms: Window = field(default_factory=Window)
    newest: Asked = field(default_factory=dict)
    spread: tuple[float, ...] = ()
    drift: Drift = field(default_factory=Drift)
    reason: str = ""
    quiet: int = 0

    def unsettled(self, looks: int) -> str:
        """The newest reason, while fewer looks than these have passed since without one."""
        return self.reason if self.quiet < looks else ""

    def told(self, looks: int) -> str:
        """What a person should know: why not to compare predictions, while that is unsettled, or what stands."""
        return self.unsettled(looks) or self.drift.told

    @property
    def clump(self) -> float:
        """How many like rows come together, at least 1: what one customer asks in a row is no sample of all."""
        return max(1.0, median(self.spread)) if self.spread else 1.0


def in_new_step(state: Requests) -> Requests:
    """The arms' shares change now."""
    return replace(state, arms=Window())


def looked(state: Requests, growth: Growth, *, margin: float, chance: float, looks: int) -> Requests:
    """The state after one more look.

    Args:
        state: before it.
        growth: since the look before.
        margin: PSI up to which a feature hasn't changed.
        chance: that a single test of one feature at one look finds what isn't there.
        looks: that a window has at least, and that are needed to know how many like rows come together.
    """
    if not (growth.asked.stable or growth.asked.canary):
        return state
    state = _with(state, growth, looks)
    if len(state.spread) < looks:
        return state
    drift = Drift(apart=_apart(state.arms.total, state.clump, margin, chance))
    if state.traffic.looks:
        drift = replace(drift, **_against_training(state, margin, chance))
    reason = drift.reason
    return replace(state, drift=drift, reason=reason or state.reason, quiet=0 if reason else state.quiet + 1)


def _with(state: Requests, growth: Growth, looks: int) -> Requests:
    """The state with one more look in it, not yet judged."""
    traffic = all_alike(growth.asked)
    spread = _spread(state.newest, traffic)
    if spread is not None:
        state = replace(state, spread=(*state.spread, spread)[-_MOST_SPREAD:])
    clump = state.clump
    state = replace(state, newest=traffic, arms=slid(state.arms, growth, looks, partial(_enough_of_each, clump)))
    knows_before = bool(state.traffic.looks) or most_rows(state.before) * _weight(growth, clump) >= _FEWEST_BEFORE
    if knows_before:
        return replace(state, traffic=slid(state.traffic, growth, looks, partial(_enough, clump)))
    return replace(state, before=together((state.before, traffic)))


def _spread(before: Asked, now: Asked) -> float | None:
    """How much two looks differ, over what chance does; None where one has nothing to compare."""
    found = [pearson(counts, before[feature]) for feature, counts in now.items() if feature in before]
    degrees = sum(free for _, free in found)
    return sum(squares for squares, _ in found) / degrees if degrees else None


def _enough(clump: float, growth: Growth) -> bool:
    return (most_rows(growth.asked.stable) + most_rows(growth.asked.canary)) * _weight(growth, clump) >= ENOUGH


def _enough_of_each(clump: float, growth: Growth) -> bool:
    fewest = min(most_rows(growth.asked.stable), most_rows(growth.asked.canary))
    return fewest * _weight(growth, clump) >= ENOUGH_OF_ARM


def _weight(growth: Growth, clump: float) -> float:
    """Independent draws per row."""
    return min(requests_per_row(growth), 1 / clump)


def _against_training(state: Requests, margin: float, chance: float) -> dict[str, tuple[Shift, ...]]:
    asked, weight = state.traffic.total.asked, _weight(state.traffic.total, state.clump)
    candidates = {feature.place: feature for feature in asked.canary}
    found: dict[str, list[Shift]] = {"changed": [], "standing": []}
    for feature, counts in all_alike(asked).items():
        now, trained = Rows(counts=counts, weight=weight), Rows(counts=feature.trained)
        if not feature.trained or not beyond(now, trained, margin, chance):
            continue
        before = Rows(counts=state.before[feature], weight=weight) if feature in state.before else now
        arms = ((asked.stable, feature), (asked.canary, candidates.get(feature.place)))
        strange = not any(_at_home(rows, one, weight, margin) for rows, one in arms)
        kind = "changed" if strange and beyond(now, before, margin, chance) else "standing"
        found[kind].append(shift_of(feature, now, trained))
    return {kind: tuple(shifts) for kind, shifts in found.items()}


def beyond(one: Rows, other: Rows, margin: float, chance: float) -> bool:
    """Whether PSI is beyond the margin, and not by chance."""
    return bool(one.draws and other.draws) and psi(one, other) > psi_by_chance(margin, one, other, chance)


def _at_home(asked: Asked, feature: Feature | None, weight: float, margin: float) -> bool:
    """Whether an arm gets what its release was trained on, as far as so few of its requests tell."""
    if feature is None or not feature.trained or feature not in asked:
        return False
    now, trained = Rows(counts=asked[feature], weight=weight), Rows(counts=feature.trained)
    return now.draws >= _FEWEST_OF_ARM and psi(now, trained) - psi_bias(now, trained) <= margin


def shift_of(feature: Feature, one: Rows, other: Rows) -> Shift:
    """How far apart two samples of a feature are, without what chance alone adds on average."""
    return Shift(feature=feature.spoken, measure="PSI", value=max(0.0, psi(one, other) - psi_bias(one, other)))


def _apart(growth: Growth, clump: float, margin: float, chance: float) -> tuple[Shift, ...]:
    """Features whose requests differ between the arms."""
    weight = _weight(growth, clump)
    canary = {feature.place: (feature, counts) for feature, counts in growth.asked.canary.items()}
    shifts = []
    for feature, counts in growth.asked.stable.items():
        if feature.place in canary:
            other, theirs = canary[feature.place]
            rows = Rows(counts=counts, weight=weight), Rows(counts=theirs, weight=weight)
            shifts.append(between(feature, other, rows, (margin, chance)))
    return tuple(shift for shift in shifts if shift is not None)


def between(feature: Feature, other: Feature, rows: tuple[Rows, Rows], limits: tuple[float, float]) -> Shift | None:
    """How far apart two samples are, beyond margin and chance; None where they aren't.

    PSI where both releases cut the feature alike; what is sure of KS where they don't.
    """
    if not (rows[0].draws and rows[1].draws):
        return None
    if feature.cuts == other.cuts:
        return shift_of(feature, *rows) if beyond(*rows, *limits) else None
    distance, margin = ks(feature.cuts, rows[0], other.cuts, rows[1]), ks_by_chance(limits[0], *rows, limits[1])
    return Shift(feature=feature.spoken, measure="KS", value=distance) if distance > margin else None


def listed(shifts: tuple[Shift, ...]) -> str:
    """The furthest first; of many only so many, and how many more."""
    far = sorted(shifts, key=lambda shift: -shift.value)
    more = f" and {len(far) - _MOST_NAMED} more" if len(far) > _MOST_NAMED else ""
    return ", ".join(map(str, far[:_MOST_NAMED])) + more


def chance_of_one(features: int, looks: float) -> float:
    """What a single test may err with, so that all of a canary's together do with `CHANCE`.

    There are two of each feature at each look: against its training, and between the arms.
    """
    return CHANCE / (2 * max(1, features) * max(1, math.ceil(looks)))
