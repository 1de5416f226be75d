"""What one poll gains or loses for every bet on a channel."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from towpath.core.judge.channels import Channel
from towpath.core.judge.evalue import Counts, lifted, log_e
from towpath.core.judge.interval import interval
from towpath.core.judge.model import ChannelState, JudgePolicy, Stratum

IN_FAVOUR: Final = (0.0, 0.25, 0.5)  # where between stable's rate and the margin the candidate is bet to be
_FADE: Final = 0.5 ** (1 / 30)  # stable's past counts half after 30 polls
_FULL: Final = 1 - 1e-6  # a rate beyond which there is no room
_MISS: Final = 0.001  # chance that stable's rate isn't where it is said to be
_KNOWN: Final = 20  # requests of stable before its rate is good enough to bet on
_TOO_COMMON: Final = {"worse": 0.99, "better": 1 - 1e-5}  # good events may be rare: then nearly all cases are bad
_LOAD_AGAINST: Final = 1.25
_LOAD_IN_FAVOUR: Final = 0.8

Baseline = tuple[float, float]
Rates = tuple[float, float]


def oriented(channel: Channel, counts: Counts) -> Counts:
    """Count the bad events, whichever the channel counts."""
    if channel.more_is == "worse":
        return counts
    return replace(
        counts,
        canary_events=counts.canary_requests - counts.canary_events,
        stable_events=counts.stable_requests - counts.stable_events,
    )


def learn(past: Baseline, counts: Counts) -> Baseline:
    """Add stable's newest counts to its past ones, which fade."""
    if not counts.stable_requests:
        return past
    return past[0] * _FADE + counts.stable_events, past[1] * _FADE + counts.stable_requests


def stable_rate(past: Baseline) -> float | None:
    """Guess stable's rate from its past alone; None while too little is known."""
    events, requests = past
    return min(max((events + 0.5) / (requests + 1), 1e-7), 1 - 1e-6) if requests >= _KNOWN else None


def gains_against(
    policy: JudgePolicy, channel: Channel, counts: Sequence[Counts], baselines: Sequence[Baseline]
) -> list[float]:
    """Log gains of the bets that the candidate is worse, one per bet and lift; capped."""
    rows = [_against(policy, channel, one, stable_rate(past)) for one, past in zip(counts, baselines, strict=True)]
    return _combine(policy, rows, math.log(policy.cap))


def gains_in_favour(
    policy: JudgePolicy,
    channel: Channel,
    counts: Sequence[Counts],
    baselines: Sequence[Baseline],
    began: Sequence[Rates],
) -> list[float]:
    """Log gains of the bets that the candidate is no worse than the margin, one per bet and guess."""
    rows = [
        _in_favour(policy, channel, one, _rate_with_room(channel, past, rates))
        for one, past, rates in zip(counts, baselines, began, strict=True)
    ]
    return _combine(policy, rows, math.inf)


def known_rates(policy: JudgePolicy, past: Baseline) -> tuple[float, float]:
    """Between which rates stable's surely was. Asked once, when a channel begins.

    A guess that is made anew at every poll would be too high at some of them.
    """
    events, requests = (count / policy.dispersion for count in past)
    return interval(int(events), math.ceil(requests), _MISS)


def no_room(channel: Channel, past: Baseline, began: Rates) -> bool:
    """Whether stable's rate leaves no room for one beyond the margin: it surely left none at first and leaves none now.

    Then there is nothing to exclude.
    """
    rate = stable_rate(past)
    return rate is not None and all(channel.promote.canary_rate(one) >= 1 for one in (rate, began[0]))


def cannot_be_worse(
    channel: Channel, counts: Sequence[Counts], baselines: Sequence[Baseline], began: Sequence[Rates]
) -> bool:
    """Whether there is nothing to exclude for any kind of request that is known, and one of them was counted."""
    known = [
        (no_room(channel, past, rates), one.both)
        for one, past, rates in zip(counts, baselines, began, strict=True)
        if stable_rate(past) is not None
    ]
    return all(none for none, _ in known) and any(counted for _, counted in known)


def too_common(channel: Channel, rate: float) -> bool:
    """Whether stable's rate of bad events leaves no room for a bet against the candidate."""
    return channel.rollback.canary_rate(rate) >= _TOO_COMMON[channel.more_is]


def speaks_against(policy: JudgePolicy, kept: ChannelState) -> tuple[Stratum, ...]:
    """Kinds of requests on which alone some bet for the candidate has lost money so far.

    Bets also lose a little where nothing happens in either arm; without a bad event nothing is said against anybody.
    """
    size = len(IN_FAVOUR)
    return tuple(
        stratum
        for place, (stratum, seen) in enumerate(zip(policy.strata, kept.seen, strict=True))
        if seen.canary_events and min(kept.in_favour[place * size : (place + 1) * size]) < 0
    )


def load_allows(channel: Channel, ratio: float | None) -> tuple[bool, bool]:
    """Whether this poll may count against the candidate, and for it, at this load per replica."""
    if not channel.depends_on_load:
        return True, True
    return (ratio is not None and ratio <= _LOAD_AGAINST, ratio is not None and ratio >= _LOAD_IN_FAVOUR)


def _against(policy: JudgePolicy, channel: Channel, counts: Counts, rate: float | None) -> list[float]:
    if rate is None or too_common(channel, rate) or not counts.both:
        return [0.0] * len(channel.lifts)
    bound = channel.rollback.canary_rate(rate)
    guesses = [(lifted(bound, lift), rate) for lift in channel.lifts]
    return [log_e(counts, guess, channel.rollback) / (policy.dispersion * counts.rows) for guess in guesses]


def _in_favour(policy: JudgePolicy, channel: Channel, counts: Counts, rate: float | None) -> list[float]:
    if rate is None or not counts.both:
        return [0.0] * len(IN_FAVOUR)
    bound = channel.promote.canary_rate(rate)
    guesses = [(rate + part * (bound - rate), rate) for part in IN_FAVOUR]
    return [log_e(counts, guess, channel.promote) / (policy.dispersion * counts.rows) for guess in guesses]


def _rate_with_room(channel: Channel, past: Baseline, began: Rates) -> float | None:
    """Stable's rate as it is bet on for the candidate; None where it leaves no room for one beyond the margin.

    Where it wasn't sure from the beginning whether there is room, the bet is on the highest rate that leaves some.
    Where there was room, a moment without says nothing of the candidate: both arms are in trouble then.
    """
    rate, edge = stable_rate(past), channel.promote
    if rate is None or edge.canary_rate(rate) < 1:
        return rate
    low, high = (edge.canary_rate(one) for one in began)
    return (_FULL - edge.d) / edge.r0 if low < 1 <= high else None


def _combine(policy: JudgePolicy, rows: Sequence[Sequence[float]], most: float) -> list[float]:
    """Strata are independent given the past, so their e-values multiply.

    A stall or burst is one moment in all strata, so the cap holds for the product as well as for each.
    """
    capped: dict[Stratum, list[float]] = {
        stratum: [min(value, most) for value in row] for stratum, row in zip(policy.strata, rows, strict=True)
    }
    return [
        min(math.fsum(values), most)
        for together in policy.bets
        for values in zip(*(capped[stratum] for stratum in together), strict=True)
    ]
