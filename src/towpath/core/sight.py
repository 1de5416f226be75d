"""What a canary could see of a candidate, before it runs."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from towpath.core.canary import CanaryStep
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.judge import Channel
from towpath.core.judge.channels import SlowerThan
from towpath.core.judge.curves import Curve
from towpath.core.judge.outlook import Exposure, smallest_rate
from towpath.core.traffic import Traffic

_ALL: Final = 100
_HALVINGS: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Visible:
    """What is found by the end of a step, in about half of the canaries with such a candidate.

    Attributes:
        step: the step.
        requests: of the candidate by then.
        errors: the lowest share of failing requests; None where none is found.
        latency: the least factor by which it is slower; None where none is found or latency isn't known.
        predictions: the least share of predictions that moved; None as with latency.
        own: of the user's own metrics, the candidate's nearest rate that is found; None where none is.
    """

    step: CanaryStep
    requests: int
    errors: float | None
    latency: float | None
    predictions: float | None
    own: Mapping[str, float | None] = field(default_factory=dict)


def visible(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep]) -> tuple[Visible, ...]:
    """What each step can see."""
    return tuple(_by(policy, traffic, plan[: place + 1]) for place in range(len(plan)))


def _by(policy: CanaryPolicy, traffic: Traffic, until: Sequence[CanaryStep]) -> Visible:
    def least(metric: str, effect: Callable[[Channel, float], float]) -> float | None:
        channels = [channel for channel in traffic.channels if channel.metric == metric]
        alpha = policy.alpha / len(policy.judged) / max(1, len(channels))
        found = [
            effect(channel, rate)
            for channel in channels
            if (rate := _found(policy, traffic, channel, until, alpha)) is not None
        ]
        return min(found, default=None)

    return Visible(
        step=until[-1],
        requests=math.floor(sum(_requests(traffic, step, step.dwell) for step in until)),
        errors=least("errors", lambda _, rate: rate),
        latency=least("latency", lambda channel, rate: _factor(traffic.curve, channel, rate)),
        predictions=least("predictions", lambda channel, rate: rate - traffic.rates[channel.name]),
        own={
            metric.name: least(metric.name, lambda channel, rate: rate if channel.more_is == "worse" else 1 - rate)
            for metric in policy.own
        },
    )


def _found(
    policy: CanaryPolicy, traffic: Traffic, channel: Channel, until: Sequence[CanaryStep], alpha: float
) -> float | None:
    cases = traffic.cases_per_request(channel.name)
    exposures = [
        Exposure(requests=cases * _requests(traffic, step, seconds) / policy.dispersion, share=step.traffic / _ALL)
        for step, seconds in _counting(policy, channel, until)
        if step.sees_latency or not channel.depends_on_load
    ]
    rate = traffic.rates[channel.name]
    return smallest_rate(channel, rate if channel.more_is == "worse" else 1 - rate, exposures, alpha)


def _counting(policy: CanaryPolicy, channel: Channel, until: Sequence[CanaryStep]) -> list[tuple[CanaryStep, float]]:
    """Each step with the seconds of it in which the channel counts."""
    cold = policy.warm_up if channel.waits_for_warm_up else 0.0
    found = []
    for step in until:
        found.append((step, max(0.0, step.dwell - cold)))
        cold = max(0.0, cold - step.dwell)
    return found


def _requests(traffic: Traffic, step: CanaryStep, seconds: float) -> float:
    return traffic.requests_per_second * seconds * step.traffic / _ALL


def _factor(curve: Curve | None, channel: Channel, rate: float) -> float:
    """How many times slower a candidate is whose share above the channel's edge is `rate`."""
    if curve is None or not isinstance(channel.event, SlowerThan):
        return math.inf
    low, high = 0.0, channel.event.edge
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if curve.share_above(middle) > rate else (low, middle)
    return channel.event.edge / high
