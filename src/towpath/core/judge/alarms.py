"""When a candidate is refused: by the breaker or by evidence; and when both arms fail alike."""

import math

from towpath.core.judge.bets import oriented
from towpath.core.judge.channels import Channel
from towpath.core.judge.evalue import Counts
from towpath.core.judge.mixture import log_evidence
from towpath.core.judge.model import Cause, ChannelState, JudgePolicy, JudgeState, Poll, Stratum

_ALIKE = 0.5  # stable fails at least so often, relative to the candidate


def planned_polls(policy: JudgePolicy, channel: Channel) -> int:
    """Polls over which the money for late starts is spread."""
    skipped = policy.warm_up if channel.waits_for_warm_up else 0.0
    return max(1, math.ceil((policy.max_time - skipped) / policy.poll))


def failing_alike(policy: JudgePolicy, poll: Poll) -> bool:
    """Whether both arms fail about as often in this poll: a fault they share."""
    failures = [channel for channel in policy.channels if channel.is_failure]
    return any(
        _alike(policy, oriented(channel, poll.counts(stratum, channel.name)))
        for channel in failures
        for stratum in policy.strata
    )


def _alike(policy: JudgePolicy, counts: Counts) -> bool:
    enough = min(counts.canary_requests, counts.stable_requests) >= policy.breaker.requests
    return (
        enough
        and min(_canary_share(counts), _stable_share(counts)) >= policy.outage
        and _stable_share(counts) >= _ALIKE * _canary_share(counts)
    )


def _canary_share(counts: Counts) -> float:
    return counts.canary_events / counts.canary_requests if counts.canary_requests else 0.0


def _stable_share(counts: Counts) -> float:
    return counts.stable_events / counts.stable_requests if counts.stable_requests else 0.0


def breaker_runs(state: JudgeState, poll: Poll) -> tuple[int, ...]:
    """Per stratum, for how many polls in a row the candidate has been beyond the breaker."""
    policy = state.policy
    return tuple(
        run + 1 if _beyond_breaker(policy, poll, stratum) else 0
        for stratum, run in zip(policy.strata, state.breaker_runs, strict=True)
    )


def _beyond_breaker(policy: JudgePolicy, poll: Poll, stratum: Stratum) -> bool:
    return any(
        counts.canary_requests >= policy.breaker.requests
        and _canary_share(counts) >= policy.breaker.share
        and _stable_share(counts) < _ALIKE * _canary_share(counts)
        for channel in policy.channels
        if channel.is_failure
        for counts in [oriented(channel, poll.counts(stratum, channel.name))]
    )


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
