"""What a canary can see before it runs: the information in its requests against what a verdict needs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from towpath.core.judge.bets import too_common
from towpath.core.judge.channels import Channel
from towpath.core.judge.evalue import HalfPlane

_STEPS = 80
_HIGHEST = 1 - 1e-9
_PARTS = (0.25, 0.5, 0.75, 1.0)  # of the true difference; there are bets of many sizes


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """Requests of the candidate while it has this share of the traffic (0 to 1, both excluded).

    Attributes:
        requests: in all looks together.
        share: of the traffic.
        looks: that they are spread over; where they aren't given, none is so large that a cap would matter.
    """

    requests: float
    share: float
    looks: float = math.inf


def smallest_rate(
    channel: Channel, base_rate: float, seen: Sequence[Exposure], alpha: float, cap: float = math.inf
) -> float | None:
    """The lowest rate of the candidate that is found in about half of such canaries; None where none is.

    Args:
        channel: whose events.
        base_rate: stable's rate.
        seen: traffic of the steps so far.
        alpha: this metric's part.
        cap: the most that one look may multiply the evidence by.
    """
    if too_common(channel, base_rate):
        return None
    # as if stakes were alike: a bet has from a quarter to four times as much, so at most 1.5 of the 7 or more needed
    needed = math.log(2 * len(channel.lifts) / alpha)
    bound = channel.rollback.canary_rate(base_rate)

    def excess(rate: float) -> float:
        each = [(one, _information(rate, base_rate, channel.rollback, one.share)) for one in seen]
        best = sum(max(_nats(one, nats, part, cap) for part in _PARTS) for one, nats in each)
        away = _log_odds(rate) - _log_odds(bound)
        won = [sum(_nats(one, nats, lift / away, cap) for one, nats in each) for lift in channel.lifts]
        # of what is far worse many bets win about all they can, so that none has to make up for the others
        most = math.log(cap) * sum(one.looks for one in seen)
        return best + math.log(max(1.0, sum(math.exp(one - most) for one in won))) - needed

    if excess(_HIGHEST) < 0:
        return None
    return _root(excess, bound, _HIGHEST)


def enough_requests(channel: Channel, base_rate: float, beta: float) -> int:
    """About how many requests of a candidate just like stable, and as many of stable's, exclude promote's margin."""
    edge, low = channel.promote, 1e-12

    def slope(b: float) -> float:
        c = edge.canary_rate(b)
        return edge.r0 * (c - base_rate) / (c * (1 - c)) + (b - base_rate) / (b * (1 - b))

    b0 = _root(slope, max(low, (base_rate - edge.d) / edge.r0), base_rate)
    nats = _divergence(base_rate, min(edge.canary_rate(b0), 1 - low)) + _divergence(base_rate, b0)
    return math.ceil(-math.log(beta) / nats)


def _nats(seen: Exposure, each: float, part: float, cap: float) -> float:
    """What a bet on this part of the true difference is expected to win, each request having so many nats.

    Less than all wins less and varies less, which matters where no look may win more than the cap.
    """
    won = part * (2 - part)
    if math.isinf(seen.looks) or math.isinf(cap) or not seen.requests:
        return seen.requests * each * won
    mean = seen.requests * each / seen.looks
    return seen.looks * _capped(mean * won, math.sqrt(2 * mean) * part, math.log(cap))


def _capped(mean: float, spread: float, most: float) -> float:
    """The mean of what is left of a normal variable when nothing of it goes beyond `most`."""
    if not spread:
        return min(mean, most)
    room = (most - mean) / spread
    below = 0.5 * math.erfc(-room / math.sqrt(2))
    density = math.exp(-room * room / 2) / math.sqrt(2 * math.pi)
    return most - (most - mean) * below - spread * density


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


def _log_odds(rate: float) -> float:
    return math.log(rate / (1 - rate))


def _divergence(p: float, q: float) -> float:
    return p * math.log(p / q) + (1 - p) * math.log((1 - p) / (1 - q))


def _root(rising: Callable[[float], float], low: float, high: float) -> float:
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if rising(middle) < 0 else (low, middle)
    return 0.5 * (low + high)
