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
class Smallest:
    """The smallest regression that one channel finds by itself, in about half of the canaries with such a candidate.

    Attributes:
        channel: its name.
        metric: whose channel it is.
        stable: share of stable's cases that are its events.
        share: the candidate's nearest share that is found; None where none is.
        slower: of latency, how many times slower that candidate is; None where it isn't found.
    """

    channel: str
    metric: str
    stable: float
    share: float | None
    slower: float | None = None


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
        channels: the same of each channel; the figures above are the smallest among them.
    """

    step: CanaryStep
    requests: int
    errors: float | None
    latency: float | None
    predictions: float | None
    own: Mapping[str, float | None] = field(default_factory=dict)
    channels: tuple[Smallest, ...] = ()


def visible(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep]) -> tuple[Visible, ...]:
    """What each step can see."""
    return tuple(_by(policy, traffic, plan[: place + 1]) for place in range(len(plan)))


def _by(policy: CanaryPolicy, traffic: Traffic, until: Sequence[CanaryStep]) -> Visible:
    channels = tuple(_smallest(policy, traffic, channel, until) for channel in traffic.channels)

    def least(metric: str, effect: Callable[[Smallest], float | None]) -> float | None:
        found = (effect(one) for one in channels if one.metric == metric and one.share is not None)
        return min((one for one in found if one is not None), default=None)

    return Visible(
        step=until[-1],
        requests=math.floor(sum(_requests(traffic, step, step.dwell) for step in until)),
        errors=least("errors", lambda one: one.share),
        latency=least("latency", lambda one: one.slower),
        predictions=least("predictions", lambda one: None if one.share is None else one.share - one.stable),
        own={metric.name: least(metric.name, lambda one: one.share) for metric in policy.own},
        channels=channels,
    )


def _smallest(policy: CanaryPolicy, traffic: Traffic, channel: Channel, until: Sequence[CanaryStep]) -> Smallest:
    metric = [one for one in traffic.channels if one.metric == channel.metric]
    bad = _found(policy, traffic, channel, until, policy.alpha / len(policy.judged) / len(metric))
    share = 1 - bad if bad is not None and channel.more_is == "better" else bad
    slower = None
    if share is not None and traffic.curve is not None and isinstance(channel.event, SlowerThan):
        slower = _factor(traffic.curve, channel.event.edge, share)
    return Smallest(
        channel=channel.name,
        metric=channel.metric,
        stable=traffic.rates[channel.name],
        share=share,
        slower=slower,
    )


def _found(
    policy: CanaryPolicy, traffic: Traffic, channel: Channel, until: Sequence[CanaryStep], alpha: float
) -> float | None:
    cases = traffic.cases_per_request(channel.name)
    exposures = [
        Exposure(
            requests=cases * _requests(traffic, step, seconds) / policy.dispersion,
            share=step.traffic / _ALL,
            looks=math.floor(seconds / policy.poll),
        )
        for step, seconds in _counting(policy, channel, until)
        if seconds >= policy.poll and (step.sees_latency or not channel.depends_on_load)
    ]
    rate = traffic.rates[channel.name]
    return smallest_rate(channel, rate if channel.more_is == "worse" else 1 - rate, exposures, alpha, policy.cap)


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


def _factor(curve: Curve, edge: float, rate: float) -> float:
    """How many times slower a candidate is whose share above the edge is `rate`."""
    low, high = 0.0, edge
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if curve.share_above(middle) > rate else (low, middle)
    return edge / high
