"""What of two arms can be compared, as soon as enough is known of stable to say at which edges."""

import math

from towpath.core.canary_policy import CanaryPolicy
from towpath.core.counters import ArmCounters, sum_of_arms
from towpath.core.judge import Channel, JudgeState
from towpath.core.judge.curves import FEWEST_CASES, Curve, latency_channels, prediction_channels
from towpath.core.observation import Observation
from towpath.core.tallies import Tallies, common, total


def due(judge: JudgeState, policy: CanaryPolicy, seen: Observation) -> tuple[Channel, ...]:
    """Channels of metrics that have none yet and can have them now; chosen from what was `seen` up to now."""
    found: list[Channel] = []
    margins = policy.margins
    if _lacks(judge, "latency"):
        found += latency_channels(latency_curves(seen), margins.latency, margins.latency_promote, policy.stakes)
    if _lacks(judge, "predictions"):
        both = margins.predictions, margins.predictions_promote
        found += prediction_channels(_predicted(seen), common(seen.models), both)
    return tuple(found)


def awaited(judge: JudgeState, seen: Observation, *, predicted: bool) -> tuple[str, ...]:
    """Why a metric that is to be judged can't be yet.

    Args:
        judge: says which metrics have no channel.
        seen: the newest look.
        predicted: whether stable has counted predictions in any look; where it never did there is nothing to wait for.
    """
    reasons: list[str] = []
    if _lacks(judge, "latency"):
        reasons.append("latency: stable has answered too few requests to know how fast it is")
    if _lacks(judge, "predictions") and predicted:
        reasons.append(f"predictions: {_why_unpredicted(seen)}")
    return tuple(reasons)


def _why_unpredicted(seen: Observation) -> str:
    if not predicts(seen):
        return "stable doesn't say any more what it predicts"
    few = f"stable has made fewer than {FEWEST_CASES} to compare with"
    return few if common(seen.models) else "the candidate doesn't count what stable counts"


def predicts(seen: Observation) -> bool:
    """Whether a replica of stable counts predictions."""
    return any(sample.live for sample in seen.models if sample.arm == "stable")


def _lacks(judge: JudgeState, metric: str) -> bool:
    return metric in judge.policy.metrics and all(channel.metric != metric for channel in judge.policy.channels)


def latency_curves(seen: Observation) -> list[Curve]:
    """How slow stable was, for users and for probes."""
    live = [sample.stable for sample in seen.samples if sample.stable is not None]
    probe = [sample.probe_stable for sample in seen.samples if sample.probe_stable is not None]
    return [_curve(sum_of_arms(arms)) for arms in (live, probe)]


def _curve(arm: ArmCounters) -> Curve:
    answered = arm.buckets[-1][1] if arm.buckets else 0
    edges = [(edge, count) for edge, count in arm.buckets if not math.isinf(edge)]
    return Curve(
        edges=tuple(edge for edge, _ in edges),
        above=tuple(answered - count + arm.timeouts for _, count in edges),
        cases=answered + arm.timeouts,
    )


def _predicted(seen: Observation) -> Tallies:
    """Stable's predictions for users or, where those are too few to tell, for probes."""
    live = total(seen.models, "stable")
    enough = any(tally.cases >= FEWEST_CASES for tally in live.values())
    return live if enough else total(seen.models, "stable", probe=True)
