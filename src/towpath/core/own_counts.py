"""What was counted of the user's own metrics, and what of it is new between two readings."""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from towpath.core.tallies import Arm, Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnSample:
    """One reading of one metric at one place that counts it.

    Attributes:
        metric: its name.
        arm: whose place it is.
        source: the place, unique per metric: a replica, or a line of Prometheus' answer.
        tally: events and cases since the place began to count.
    """

    metric: str
    arm: Arm
    source: str
    tally: Tally


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnGrown:
    """What happened between two readings in each arm, by metric; a metric that isn't there wasn't counted."""

    stable: Mapping[str, Tally] = field(default_factory=dict)
    canary: Mapping[str, Tally] = field(default_factory=dict)
    lost: tuple[str, ...] = ()


def grown(before: Sequence[OwnSample], after: Sequence[OwnSample]) -> OwnGrown:
    """Difference the counts per place; one that appears, vanishes or began again doesn't count this time."""
    old, new = ({(one.metric, one.source): one for one in samples} for samples in (before, after))
    lost = {key: why for key in sorted(old.keys() | new.keys()) if (why := _unusable(old.get(key), new.get(key)))}
    kept = [_difference(old[key], new[key]) for key in sorted(old.keys() & new.keys()) if key not in lost]
    return OwnGrown(
        stable=total(kept, "stable"),
        canary=total(kept, "canary"),
        lost=tuple(f"{metric}: {source}: {why}" for (metric, source), why in lost.items()),
    )


def paired(waiting: OwnGrown, new: OwnGrown) -> tuple[OwnGrown, OwnGrown]:
    """What is to be compared now, and what waits until the other arm has cases too.

    A Prometheus that scrapes more rarely than is looked shows one arm's growth in one look and the other's in the
    next; compared look by look, neither would ever meet the other. Which looks are taken together depends on cases
    alone, never on events, so nothing is chosen.
    """
    stable, canary = _plus(waiting.stable, new.stable), _plus(waiting.canary, new.canary)
    met = {name for name in stable.keys() & canary.keys() if stable[name].cases and canary[name].cases}
    counted = new.stable.keys() & new.canary.keys()
    now = [_only(sums, met) | dict.fromkeys(counted - met, Tally()) for sums in (stable, canary)]
    rest = [_only(sums, sums.keys() - met) for sums in (stable, canary)]
    return OwnGrown(stable=now[0], canary=now[1], lost=new.lost), OwnGrown(stable=rest[0], canary=rest[1])


def total(samples: Iterable[OwnSample], arm: Arm) -> dict[str, Tally]:
    """The sum over an arm's places, by metric."""
    found: dict[str, Tally] = {}
    for one in samples:
        if one.arm == arm:
            past = found.get(one.metric, Tally())
            found[one.metric] = Tally(events=past.events + one.tally.events, cases=past.cases + one.tally.cases)
    return found


def uncounted(metrics: Iterable[str], samples: Sequence[OwnSample], problems: Sequence[str]) -> Iterator[str]:
    """Why a metric can't be compared now, in words; a metric that both arms count isn't among them."""
    for metric in metrics:
        counting = {one.arm for one in samples if one.metric == metric}
        if len(counting) < len(_WHO):
            who = next((said for arm, said in _WHO.items() if counting == {arm}), "neither release counts it")
            yield f"{metric}: {who}{reported(metric, problems)}"


def problem(metric: str, why: str) -> str:
    """A problem of a look, so that `reported` finds it."""
    return f"{metric}: {why}"


def reported(metric: str, problems: Iterable[str]) -> str:
    """The first problem of that metric, in brackets; empty where there is none."""
    begin = problem(metric, "")
    return next((f" ({text.removeprefix(begin)})" for text in problems if text.startswith(begin)), "")


_WHO: Mapping[Arm, str] = {"canary": "stable doesn't count it", "stable": "the candidate doesn't count it"}


def _plus(one: Mapping[str, Tally], other: Mapping[str, Tally]) -> dict[str, Tally]:
    none = Tally()
    return {
        name: Tally(
            events=one.get(name, none).events + other.get(name, none).events,
            cases=one.get(name, none).cases + other.get(name, none).cases,
        )
        for name in {**one, **other}
    }


def _only(tallies: Mapping[str, Tally], names: Container[str]) -> dict[str, Tally]:
    return {name: tally for name, tally in tallies.items() if name in names}


def _unusable(before: OwnSample | None, after: OwnSample | None) -> str:
    if before is None or after is None:
        return "appeared" if before is None else "vanished"
    if before.arm != after.arm:
        return "is of another release now"
    went_back = after.tally.events < before.tally.events or after.tally.cases < before.tally.cases
    return "its counters started again" if went_back else ""


def _difference(before: OwnSample, after: OwnSample) -> OwnSample:
    """The growth.

    An event may be counted a moment before its case is; what is read in between has more events than cases, and the
    rest is left out, since no rate is above 1.
    """
    cases = after.tally.cases - before.tally.cases
    events = min(after.tally.events - before.tally.events, cases)
    return OwnSample(metric=after.metric, arm=after.arm, source=after.source, tally=Tally(events=events, cases=cases))
