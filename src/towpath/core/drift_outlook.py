"""What a canary could see of users' requests, before it runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from towpath.core.drift import Rows, psi_by_chance
from towpath.core.drift_watch import Shift, between, beyond, chance_of_one, shift_of
from towpath.core.drift_window import Growth, requests_per_row
from towpath.core.inputs import ArmsAsked, Asked, Feature
from towpath.core.observation import Observation
from towpath.core.tallies import total_asked

_A_DEVIATION: Final = 1.0  # PSI of a normal feature that moved by about one standard deviation
_UNLIMITED: Final = 10**9  # requests

_NOT_COUNTED: Final = "no replica of stable counts them"
_NO_ROWS: Final = "the release's reference.json doesn't say how many training rows lie between its cuts (counts)"


@dataclass(frozen=True, kw_only=True, slots=True)
class InputsOutlook:
    """Which features of the requests can be watched, and what stable was asked until now.

    Attributes:
        watched: held against the training data, and between the arms.
        between_arms: compared between the arms only.
        why: they can't all be held against the training data; empty when they can.
        differ: features that are unlike the training data already, which alone never holds a canary.
        candidate: features in which what stable is asked is unlike what the candidate was trained on; None where too
            little is known of every feature to tell.
    """

    watched: tuple[str, ...] = ()
    between_arms: tuple[str, ...] = ()
    why: str = ""
    differ: tuple[Shift, ...] = ()
    candidate: tuple[Shift, ...] | None = None


def inputs_outlook(margin: float, seen: Observation | None, trained: Sequence[Feature] = ()) -> InputsOutlook:
    """What stable's counters tell, as they were `seen` before the canary; absent: nothing.

    Args:
        margin: PSI up to which a feature is alike.
        seen: what was read of stable.
        trained: what the candidate's training data was like.
    """
    asked = {} if seen is None else total_asked(seen.models, "stable")
    if seen is None or not asked:
        return InputsOutlook(why=_NOT_COUNTED)
    chance = chance_of_one(len(asked), 1)
    reasons = {feature: _why_not(feature, margin, chance) for feature in asked}
    requests = sum(sample.stable.requests for sample in seen.samples if sample.stable is not None)
    weight = requests_per_row(Growth(asked=ArmsAsked(stable=asked), stable_requests=requests))
    known = [feature for feature, why in reasons.items() if not why]
    pairs = ((one, Rows(counts=asked[one], weight=weight), Rows(counts=one.trained)) for one in known)
    return InputsOutlook(
        watched=tuple(feature.spoken for feature in known),
        between_arms=tuple(feature.spoken for feature, why in reasons.items() if why),
        why="; ".join(dict.fromkeys(filter(None, reasons.values()))),
        differ=tuple(shift_of(one, now, then) for one, now, then in pairs if beyond(now, then, margin, chance)),
        candidate=_unlike(asked, weight, trained, (margin, chance)),
    )


def _unlike(
    asked: Asked, weight: float, trained: Sequence[Feature], limits: tuple[float, float]
) -> tuple[Shift, ...] | None:
    """Features in which requests are unlike this training data; None where none can tell."""
    places = {one.place: one for one in trained if one.trained}
    both = [
        (live, places[live.place], (Rows(counts=counts, weight=weight), Rows(counts=places[live.place].trained)))
        for live, counts in asked.items()
        if live.place in places
    ]
    shifts = [between(live, one, rows, limits) for live, one, rows in both if _enough(rows, *limits)]
    return tuple(shift for shift in shifts if shift is not None) if shifts else None


def _why_not(feature: Feature, margin: float, chance: float) -> str:
    """Why a feature can't be held against its training; empty when it can."""
    if not feature.trained:
        return _NO_ROWS
    many = Rows(counts=(_UNLIMITED,) + (0,) * len(feature.cuts))
    if not _enough((many, Rows(counts=feature.trained)), margin, chance):
        return f"{sum(feature.trained)} training rows are too few to tell a change by a standard deviation from chance"
    return ""


def _enough(rows: tuple[Rows, Rows], margin: float, chance: float) -> bool:
    """Whether two samples would tell a change by a standard deviation from chance."""
    return all(one.draws for one in rows) and psi_by_chance(margin, *rows, chance) <= _A_DEVIATION
