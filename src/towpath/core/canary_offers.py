"""What would decide a canary whose policy can't at its traffic; each offer is tried on the judge itself first."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from towpath.core.canary import CanaryStep
from towpath.core.canary_outlook import Outlook, outlook
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.traffic import Traffic

_LOOKS: Final = 40  # enough to see whether something helps, and ten times cheaper than an outlook
_LONGEST: Final = 7 * 86_400.0
_MOST_TRAFFIC: Final = 100_000.0  # requests a second
_PROBES: Final = (1.0, 3.0, 10.0, 30.0)  # a second to each arm
_FIRST: Final = 4.0  # times as much, where nobody can say how much is missing
_TRIES: Final = 6
_GROWTH: Final = 2.0
_SPARE: Final = 1.1

Kind = Literal["traffic", "longer", "replay", "margin", "unjudged"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One way out.

    Attributes:
        kind: traffic: more requests; longer: a later `max_time`; replay: probes from recorded requests; margin: a wider
            one; unjudged: no canary, but the gates, the smoke request and all traffic at once.
        value: about so much of it is enough: requests a second, seconds, probes a second to each arm; None where the
            kind has no amount.
        subject: for a margin the metric that keeps the judge waiting; else empty.
    """

    kind: Kind
    value: float | None = None
    subject: str = ""


def offers(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep], seen: Outlook) -> tuple[Offer, ...]:
    """What a person can choose from, where the outlook as it was `seen` ends inconclusive; nothing where it doesn't."""
    if seen.enough:
        return ()
    return (
        *_more_traffic(policy, traffic, plan, _missing(seen)),
        *_longer(policy, traffic, plan, _missing(seen)),
        *_replay(policy, traffic, plan),
        Offer(kind="margin", subject=metric_of(seen.channel, traffic)),
        Offer(kind="unjudged"),
    )


def metric_of(channel: str, traffic: Traffic) -> str:
    """The metric of a channel."""
    return next((one.metric for one in traffic.channels if one.name == channel), "errors")


def _missing(seen: Outlook) -> float:
    """How many times as much would be needed."""
    if seen.more is None or not seen.requests:
        return _FIRST
    return _SPARE * (seen.requests + seen.more) / seen.requests


def _more_traffic(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep], times: float) -> Iterator[Offer]:
    def enough(rate: float) -> bool:
        return outlook(policy, replace(traffic, requests_per_second=rate), plan, looks=_LOOKS).enough

    found = _least(max(traffic.requests_per_second, 0.1) * times, _MOST_TRAFFIC, enough)
    if found is not None:
        yield Offer(kind="traffic", value=found)


def _longer(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep], times: float) -> Iterator[Offer]:
    def enough(seconds: float) -> bool:
        return outlook(replace(policy, max_time=seconds), traffic, plan, looks=_LOOKS).enough

    found = _least(policy.max_time * times, _LONGEST, enough) if traffic.requests_per_second else None
    if found is not None:
        yield Offer(kind="longer", value=found)


def _replay(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep]) -> Iterator[Offer]:
    more = [rate for rate in _PROBES if rate > policy.probes]
    found = (rate for rate in more if outlook(replace(policy, probes=rate), traffic, plan, looks=_LOOKS).enough)
    rate = next(found, None)
    if rate is not None:
        yield Offer(kind="replay", value=rate)


def _least(first: float, most: float, enough: Callable[[float], bool]) -> float | None:
    """The first of a growing row of values that is enough."""
    row = (first * _GROWTH**place for place in range(_TRIES))
    return next((value for value in row if value <= most and enough(value)), None)
