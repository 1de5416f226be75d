"""What one poll gains or loses for every bet on a channel."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from towpath.core.judge.channels import Channel
from towpath.core.judge.evalue import Counts, lifted, log_e
from towpath.core.judge.model import JudgePolicy, Stratum

IN_FAVOUR: Final = (0.0, 0.25, 0.5)  # where between stable's rate and the margin the candidate is bet to be
_FADE: Final = 0.5 ** (1 / 30)  # stable's past counts half after 30 polls
_KNOWN: Final = 20  # requests of stable before its rate is good enough to bet on
_TOO_COMMON: Final = {"worse": 0.99, "better": 1 - 1e-5}  # good events may be rare: then nearly all cases are bad
_LOAD_AGAINST: Final = 1.25
_LOAD_IN_FAVOUR: Final = 0.8

Baseline = tuple[float, float]


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
    policy: JudgePolicy, channel: Channel, counts: Sequence[Counts], baselines: Sequence[Baseline]
) -> list[float]:
    """Log gains of the bets that the candidate is no worse than the margin, one per bet and guess."""
    rows = [_in_favour(policy, channel, one, stable_rate(past)) for one, past in zip(counts, baselines, strict=True)]
    return _combine(policy, rows, math.inf)


def cannot_be_worse(channel: Channel, counts: Sequence[Counts], baselines: Sequence[Baseline]) -> bool:
    """Whether stable's rate leaves no room for one beyond the margin, so that there is nothing to exclude."""
    rates = [stable_rate(past) for one, past in zip(counts, baselines, strict=True) if one.both]
    return any(rate is not None and channel.promote.canary_rate(rate) >= 1 for rate in rates)


def too_common(channel: Channel, rate: float) -> bool:
    """Whether stable's rate of bad events leaves no room for a bet against the candidate."""
    return channel.rollback.canary_rate(rate) >= _TOO_COMMON[channel.more_is]


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
    if rate is None or channel.promote.canary_rate(rate) >= 1 or not counts.both:
        return [0.0] * len(IN_FAVOUR)
    bound = channel.promote.canary_rate(rate)
    guesses = [(rate + part * (bound - rate), rate) for part in IN_FAVOUR]
    return [log_e(counts, guess, channel.promote) / (policy.dispersion * counts.rows) for guess in guesses]


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
