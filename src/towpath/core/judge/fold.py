"""The judge as a fold: `start`, then `step` for every poll."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from towpath.core.judge import alarms
from towpath.core.judge.bets import (
    IN_FAVOUR,
    cannot_be_worse,
    gains_against,
    gains_in_favour,
    known_rates,
    learn,
    load_allows,
)
from towpath.core.judge.channels import Channel, Own
from towpath.core.judge.evalue import Counts
from towpath.core.judge.mixture import bet, log_mean, new_wealth
from towpath.core.judge.model import ChannelState, JudgePolicy, JudgeState, Poll, Reference, Stratum
from towpath.core.judge.polls import bad_events

_REFERENCE_POLLS: Final = 60  # the reference weighs no more than so many polls


def start(policy: JudgePolicy, reference: Reference | None = None) -> JudgeState:
    """The state before the first poll; without a reference the first polls only teach stable's rate."""
    known = reference or Reference()
    return JudgeState(
        policy=policy,
        channels=tuple(_new_channel(policy, channel, known) for channel in policy.channels),
        peaks=(0.0,) * len(policy.metrics),
        breaker_runs=(0,) * len(policy.strata),
        failures=(Counts(),) * len(policy.strata),
        unsettled=(0,) * len(policy.strata),
    )


def extend(state: JudgeState, channels: Sequence[Channel], reference: Reference | None = None) -> JudgeState:
    """The state with channels that begin now, because what they compare is known only now.

    A metric's channels begin together; the choice may rest on what was seen before, never on what comes.
    """
    known = reference or Reference()
    policy = replace(state.policy, channels=(*state.policy.channels, *channels))
    added = tuple(_new_channel(policy, channel, known) for channel in channels)
    return replace(state, policy=policy, channels=(*state.channels, *added))


def step(state: JudgeState, poll: Poll) -> JudgeState:
    """The state after one more poll. Once the candidate is refused or the counts are worthless, that stands."""
    if state.refused is not None or state.router_fault:
        return state
    if poll.router_fault:
        return replace(state, elapsed=poll.elapsed, router_fault=poll.router_fault)
    failures, has_data = alarms.failures(state, poll), _has_data(state.policy, poll)
    alike = alarms.failing_alike(state.policy, poll, failures)
    muted = alarms.muted(state.policy, alike)
    channels = zip(state.policy.channels, state.channels, strict=True)
    judged = replace(
        state,
        channels=tuple(_step_channel(state.policy, channel, kept, (poll, muted)) for channel, kept in channels),
        polls=state.polls + has_data,
        elapsed=poll.elapsed,
        breaker_runs=alarms.breaker_runs(state, poll, failures),
        failures=failures,
        unsettled=tuple(
            state.policy.min_polls if shared else max(0, left - has_data)
            for shared, left in zip(alike, state.unsettled, strict=True)
        ),
        awaited=poll.awaited,
    )
    evidence = alarms.evidence_against(judged)
    return replace(
        judged,
        peaks=tuple(max(peak, now) for peak, now in zip(state.peaks, evidence, strict=True)),
        refused=alarms.broken(judged) or alarms.refused(judged, evidence),
    )


def _new_channel(policy: JudgePolicy, channel: Channel, reference: Reference) -> ChannelState:
    baseline = tuple(_baseline(policy, reference, stratum, channel) for stratum in policy.strata)
    return ChannelState(
        baseline=baseline,
        seen=(Counts(),) * len(policy.strata),
        against=new_wealth(channel.stakes * len(policy.bets)),
        in_favour=(0.0,) * (len(policy.bets) * len(IN_FAVOUR)),
        began=tuple(known_rates(policy, past) for past in baseline),
    )


def _baseline(policy: JudgePolicy, reference: Reference, stratum: Stratum, channel: Channel) -> tuple[float, float]:
    counted = (reference.live if stratum == "live" else reference.probe).get(channel.name, (0, 0))
    events = counted[0] if channel.more_is == "worse" else counted[1] - counted[0]
    share = min(1.0, _REFERENCE_POLLS * policy.poll / reference.seconds) if reference.seconds > 0 else 0.0
    return events * share, counted[1] * share


def _step_channel(
    policy: JudgePolicy, channel: Channel, kept: ChannelState, now: tuple[Poll, tuple[bool, ...]]
) -> ChannelState:
    poll, muted = now
    counts = [bad_events(poll, stratum, channel) for stratum in policy.strata]
    learned = replace(
        kept,
        baseline=tuple(learn(past, new) for past, new in zip(kept.baseline, counts, strict=True)),
        seen=tuple(old.plus(new) for old, new in zip(kept.seen, counts, strict=True)),
        silent=_silent(policy, poll, channel, kept.silent),
    )
    if channel.waits_for_warm_up and poll.elapsed < policy.warm_up:
        return learned
    # bets use only what was known before this poll, hence the baseline without it
    against = gains_against(policy, channel, counts, kept.baseline)
    in_favour = gains_in_favour(policy, channel, counts, kept.baseline, kept.began)
    may_accuse, may_acquit = load_allows(channel, poll.load_ratio)
    favour = tuple(
        old + _kept(gain, counts=may_acquit, alike=muted[place // len(IN_FAVOUR)])
        for place, (old, gain) in enumerate(zip(kept.in_favour, in_favour, strict=True))
    )
    lifts = len(channel.lifts)
    gains = [_kept(gain, counts=may_accuse, alike=muted[place // lifts]) for place, gain in enumerate(against)]
    sure = may_acquit and not any(muted) and cannot_be_worse(channel, counts, kept.baseline, kept.began)
    return replace(
        learned,
        against=bet(kept.against, gains, alarms.planned_polls(policy, channel)),
        in_favour=favour,
        best=max(kept.best, log_mean(favour), -math.log(policy.beta) if sure else 0.0),
    )


def _silent(policy: JudgePolicy, poll: Poll, channel: Channel, before: int) -> int:
    """Polls since the channel was counted; one that is counted at zero in a stratum nobody uses isn't heard there."""
    strata = policy.strata[:1] if isinstance(channel.event, Own) else policy.strata  # nobody counts own ones in probes
    if any(poll.counts(stratum, channel.name).both for stratum in strata):
        return 0
    return before + any(not poll.measured(stratum, channel.name) for stratum in strata)


def _kept(gain: float, *, counts: bool, alike: bool) -> float:
    """What of a gain stands; a fault both arms share may only weaken a case (a smaller e-value is still one)."""
    if not counts:
        return 0.0
    return min(gain, 0.0) if alike else gain


def _has_data(policy: JudgePolicy, poll: Poll) -> bool:
    return any(poll.counts(stratum, channel.name).both for stratum in policy.strata for channel in policy.channels)
