"""What of two arms can be compared, as soon as enough is known of stable to say at which edges."""

import math
from dataclasses import dataclass
from typing import Final

from towpath.core.canary_policy import CanaryPolicy
from towpath.core.counters import ArmCounters, sum_of_arms
from towpath.core.judge import Channel, JudgeState
from towpath.core.judge.curves import (
    FEWEST_CASES,
    FEWEST_EVENTS,
    SLOW_SHARES,
    Curve,
    latency_channels,
    prediction_channels,
)
from towpath.core.observation import Observation
from towpath.core.tallies import Tallies, common, total

_TELLING: Final = FEWEST_EVENTS / min(SLOW_SHARES)  # cases of stable after which more of them show nothing new


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
    """Why a metric that is to be judged can't be yet; one that no number of requests would help isn't waited for.

    Args:
        judge: says which metrics have no channel.
        seen: the newest look.
        predicted: whether stable has counted predictions in any look; where it never did there is nothing to wait for.
    """
    reasons: list[str] = []
    if _lacks(judge, "latency") and (missing := no_latency(seen)).waits:
        reasons.append(f"latency: {missing.why}")
    if _lacks(judge, "predictions") and predicted and (missing := _unpredicted(seen)).waits:
        reasons.append(f"predictions: {missing.why}")
    return tuple(reasons)


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """Why a metric has no channel, and whether more requests would give it one; what they wouldn't is left out."""

    why: str
    waits: bool = True


def no_latency(seen: Observation) -> Missing:
    """Why latency can't be compared by what was `seen` of stable."""
    curves = latency_curves(seen)
    known = next((curve for curve in curves if _is_steep(curve)), max(curves, key=lambda curve: curve.cases))
    answered = sum(sample.stable.requests for sample in seen.samples if sample.stable is not None)
    if not known.edges and answered >= _TELLING:
        return Missing(why="the router counts no latency of stable, or its replicas do in different buckets")
    if known.cases < _TELLING:
        return Missing(why="stable has answered too few requests to know how fast it is")
    if _is_steep(known):
        why = "margins.latency leaves no room: up to it, an answer may be as slow as any of stable's; narrow it"
    else:
        why = f"stable's answers {_one_bucket(known)}; it takes a router with finer ones"
    return Missing(why=f"{why}, or leave latency out of metrics", waits=False)


def _is_steep(curve: Curve) -> bool:
    """Whether stable's answers are on both sides of an edge, often enough to compare there."""
    return any(FEWEST_EVENTS <= above < curve.cases for above in curve.above)


def _one_bucket(curve: Curve) -> str:
    both = list(zip(curve.edges, curve.above, strict=True))
    low = max((edge for edge, above in both if above == curve.cases), default=0.0)
    high = min((edge for edge, above in both if above < FEWEST_EVENTS), default=math.inf)
    if not math.isfinite(high):
        return f"nearly all take longer than {low:g} ms, where the router's last bucket begins"
    if not low:
        return f"nearly all take less than {high:g} ms, where the router's first bucket ends"
    return f"are nearly all in one bucket of the router's, {low:g} to {high:g} ms"


def no_predictions(seen: Observation) -> Missing:
    """Why predictions can't be compared by what was `seen` of stable, which counts some."""
    if all(tally.cases < _TELLING for tally in _predicted(seen).values()):
        return Missing(why=f"stable has made fewer than {FEWEST_CASES} to compare with")
    why = (
        "all scores of stable lie between the same two bounds; leave predictions out of metrics, or count at finer ones"
    )
    return Missing(why=why, waits=False)


def _unpredicted(seen: Observation) -> Missing:
    if not predicts(seen):
        return Missing(why="stable doesn't say any more what it predicts")
    return (
        no_predictions(seen) if common(seen.models) else Missing(why="the candidate doesn't count what stable counts")
    )


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
