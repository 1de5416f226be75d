"""What a canary can see before it runs: the information in its requests against what a verdict needs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from towpath.core.judge.channels import Channel
from towpath.core.judge.evalue import HalfPlane

_STEPS = 80
_HIGHEST = 0.95


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """Requests of the candidate while it has this share of the traffic (0 to 1, both excluded)."""

    requests: float
    share: float


def smallest_rate(channel: Channel, base_rate: float, seen: Sequence[Exposure], alpha: float) -> float | None:
    """The lowest rate of the candidate that is found in about half of such canaries; None where none is.

    Args:
        channel: whose events.
        base_rate: stable's rate.
        seen: traffic of the steps so far.
        alpha: this metric's part.
    """
    # as if stakes were alike: a bet has from a quarter to four times as much, so at most 1.5 of the 7 or more needed
    needed = math.log(2 * len(channel.lifts) / alpha)

    def excess(rate: float) -> float:
        return sum(one.requests * _information(rate, base_rate, channel.rollback, one.share) for one in seen) - needed

    if excess(_HIGHEST) < 0:
        return None
    return _root(excess, channel.rollback.canary_rate(base_rate), _HIGHEST)


def enough_requests(channel: Channel, base_rate: float, beta: float) -> int:
    """About how many requests of a candidate just like stable, and as many of stable's, exclude promote's margin."""
    edge, low = channel.promote, 1e-12

    def slope(b: float) -> float:
        c = edge.canary_rate(b)
        return edge.r0 * (c - base_rate) / (c * (1 - c)) + (b - base_rate) / (b * (1 - b))

    b0 = _root(slope, max(low, (base_rate - edge.d) / edge.r0), base_rate)
    nats = _divergence(base_rate, min(edge.canary_rate(b0), 1 - low)) + _divergence(base_rate, b0)
    return math.ceil(-math.log(beta) / nats)


def _information(rate: float, base_rate: float, edge: HalfPlane, share: float) -> float:
    """Nats per request of the candidate, against the closest rates inside the null."""
    if rate <= edge.canary_rate(base_rate):
        return 0.0
    weight = (1 - share) / share

    def slope(b: float) -> float:
        c = edge.canary_rate(b)
        return edge.r0 * (c - rate) / (c * (1 - c)) + weight * (b - base_rate) / (b * (1 - b))

    b0 = _root(slope, base_rate, (rate - edge.d) / edge.r0)
    return _divergence(rate, edge.canary_rate(b0)) + weight * _divergence(base_rate, b0)


def _divergence(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return 0.5 * (low + high)
