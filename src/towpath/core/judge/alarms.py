"""When a candidate is refused: by the breaker or by evidence; and when both arms fail alike."""

import math

from towpath.core.judge.bets import oriented
from towpath.core.judge.channels import Channel
from towpath.core.judge.evalue import Counts
from towpath.core.judge.mixture import log_evidence
from towpath.core.judge.model import Breaker, Cause, ChannelState, JudgePolicy, JudgeState, Poll, Stratum

_ALIKE = 0.5  # stable fails at least so often, relative to the candidate


def planned_polls(policy: JudgePolicy, channel: Channel) -> int:
    """Polls over which the money for late starts is spread."""
    skipped = policy.warm_up if channel.waits_for_warm_up else 0.0
    return max(1, math.ceil((policy.max_time - skipped) / policy.poll))


def failures(state: JudgeState, poll: Poll) -> tuple[Counts, ...]:
    """Per stratum, what failed in both arms over the polls in a row in which the candidate failed as in an outage.

    Older polls count ever less once stable has answered enough.
    """
    strata = zip(state.policy.strata, state.failures, strict=True)
    return tuple(_pooled(state.policy, _failed(state.policy, poll, stratum), past) for stratum, past in strata)


def _failed(policy: JudgePolicy, poll: Poll, stratum: Stratum) -> Counts:
    failing = (channel for channel in policy.channels if channel.is_failure)
    return next((oriented(channel, poll.counts(stratum, channel.name)) for channel in failing), Counts())


def _pooled(policy: JudgePolicy, now: Counts, past: Counts) -> Counts:
    if _canary_share(now) < policy.outage:
        return Counts()
    return now.plus(past.halved() if past.stable_requests >= 2 * policy.breaker.requests else past)


def _telling(policy: JudgePolicy, poll: Poll, failures: tuple[Counts, ...]) -> list[tuple[Counts, Counts]]:
    """Per stratum, what failed in this poll, and what the arms are compared by.

    That is this poll or, where only the candidate answered enough in it, as beside a small holdback, the run of polls.
    """
    now = [_failed(policy, poll, stratum) for stratum in policy.strata]
    enough = policy.breaker.requests
    return [
        (one, run if one.stable_requests < enough <= one.canary_requests else one)
        for one, run in zip(now, failures, strict=True)
    ]


def failing_alike(policy: JudgePolicy, poll: Poll, failures: tuple[Counts, ...]) -> tuple[bool, ...]:
    """Per stratum, whether both arms fail about as often: a fault they share."""
    return tuple(_alike(policy, counts) for _, counts in _telling(policy, poll, failures))


def muted(policy: JudgePolicy, alike: tuple[bool, ...]) -> tuple[bool, ...]:
    """Per bet, whether a stratum of it is one in which both arms fail alike."""
    shared = {stratum for stratum, fails in zip(policy.strata, alike, strict=True) if fails}
    return tuple(not shared.isdisjoint(together) for together in policy.bets)


def _alike(policy: JudgePolicy, counts: Counts) -> bool:
    enough = min(counts.canary_requests, counts.stable_requests) >= policy.breaker.requests
    return enough and min(_canary_share(counts), _stable_share(counts)) >= policy.outage and _shared(counts)


def _shared(counts: Counts) -> bool:
    return _stable_share(counts) >= _ALIKE * _canary_share(counts)


def _canary_share(counts: Counts) -> float:
    return counts.canary_events / counts.canary_requests if counts.canary_requests else 0.0


def _stable_share(counts: Counts) -> float:
    return counts.stable_events / counts.stable_requests if counts.stable_requests else 0.0


def breaker_runs(state: JudgeState, poll: Poll, failures: tuple[Counts, ...]) -> tuple[int, ...]:
    """Per stratum, for how many polls in a row the candidate has been beyond the breaker.

    While stable has answered too few to say that it fares better, the run stays one poll short.
    """
    telling = zip(_telling(state.policy, poll, failures), state.breaker_runs, strict=True)
    return tuple(_run(state.policy.breaker, now, known, run) for (now, known), run in telling)


def _run(breaker: Breaker, now: Counts, known: Counts, run: int) -> int:
    if now.canary_requests < breaker.requests or _canary_share(now) < breaker.share:
        return 0
    if known.stable_requests < breaker.requests:
        return min(run + 1, breaker.polls - 1)
    return 0 if _shared(known) else run + 1


def broken(state: JudgeState) -> Cause | None:
    """The breaker's case, where it has one."""
    policy = state.policy
    strata = [
        stratum for stratum, run in zip(policy.strata, state.breaker_runs, strict=True) if run >= policy.breaker.polls
    ]
    failing = [channel.name for channel in policy.channels if channel.is_failure]
    return Cause(channel=failing[0], strata=tuple(strata), breaker=True) if strata else None


def evidence_against(state: JudgeState) -> tuple[float, ...]:
    """Log evidence against the candidate now, per metric."""
    return tuple(_evidence(state, metric) for metric in state.policy.metrics)


def _evidence(state: JudgeState, metric: str) -> float:
    own = _of_metric(state, metric)
    if not own:
        return 0.0
    return log_evidence([kept.against for _, kept in own], planned_polls(state.policy, own[0][0]))


def _of_metric(state: JudgeState, metric: str) -> list[tuple[Channel, ChannelState]]:
    both = zip(state.policy.channels, state.channels, strict=True)
    return [(channel, kept) for channel, kept in both if channel.metric == metric]


def bound_against(policy: JudgePolicy) -> float:
    """Log evidence that refuses a candidate: alpha is split equally over the metrics."""
    return math.log(len(policy.metrics) / policy.alpha)


def refused(state: JudgeState, evidence: tuple[float, ...]) -> Cause | None:
    """The strongest case against the candidate, where it reaches its bound."""
    strongest = max(range(len(evidence)), key=evidence.__getitem__)
    if evidence[strongest] < bound_against(state.policy):
        return None
    return strongest_bet(state, state.policy.metrics[strongest])


def refused_by(state: JudgeState) -> frozenset[str]:
    """The metrics that have a case against a candidate that is refused; none where it isn't."""
    if state.refused is None:
        return frozenset()
    metrics = zip(state.policy.metrics, state.peaks, strict=True)
    beyond = {metric for metric, peak in metrics if peak >= bound_against(state.policy)}
    return frozenset(beyond | ({"errors"} if state.refused.breaker else set()))


def strongest_bet(state: JudgeState, metric: str) -> Cause:
    """The channel and strata of the bet that is the largest part of a metric's evidence, by stake and gains."""
    ranked: list[tuple[float, int, Cause]] = []
    for channel, kept in _of_metric(state, metric):
        for place, strata in enumerate(state.policy.bets):
            cells = slice(place * len(channel.lifts), (place + 1) * len(channel.lifts))
            wealth = max(*kept.against.plain[cells], *kept.against.restarted[cells])
            ranked.append((wealth, -len(ranked), Cause(channel=channel.name, strata=strata, breaker=False)))
    return max(ranked, key=lambda row: row[:2])[2]
