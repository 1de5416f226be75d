"""What the judge looks at: one kind of event each, as data."""

import math
from dataclasses import dataclass
from typing import Final, Literal

from towpath.core.judge.evalue import HalfPlane
from towpath.core.tallies import Counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """An answer 5xx or none at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SlowerThan:
    """An answer that took longer than `edge` milliseconds, or that the router gave up waiting for."""

    edge: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Tallied:
    """A prediction of a kind that the model's replicas count or, as the complement, of any other."""

    kind: Counted
    complement: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Own:
    """A case that the user counts as an event of a metric of their own."""

    metric: str


Event = Failed | SlowerThan | Tallied | Own


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One kind of event, and how much more of it is too much.

    Attributes:
        name: unique among the channels of a judge.
        metric: channels of one metric share its part of alpha.
        event: what is counted.
        rollback: the null of the evidence against the candidate: up to here it is no worse.
        promote: the null of the evidence for it: from here on it is worse, and must be excluded.
        lifts: log-odds beyond the first null's edge that are bet on.
        stakes: what is staked on each lift, compared with the others of the metric.
        margin: the two nulls in words, as `rollback` and `promote` mean them.
        more_is: `worse`, or `better` where the events are the good ones.
        waits_for_warm_up: whether a cold candidate would look worse than it is.
        depends_on_load: whether a replica with more requests looks worse, as with latency.
        is_failure: whether the event is a failed request, which breaker and shared outages are about.
    """

    name: str
    metric: str
    rollback: HalfPlane
    promote: HalfPlane
    lifts: tuple[float, ...]
    stakes: tuple[float, ...]
    event: Event = Failed()
    margin: tuple[str, str] = ("", "")
    more_is: Literal["worse", "better"] = "worse"
    waits_for_warm_up: bool = True
    depends_on_load: bool = False
    is_failure: bool = False

    def __post_init__(self) -> None:
        """There is money on every lift.

        Raises:
            ValueError: some have none.
        """
        if len(self.stakes) != len(self.lifts) or not all(stake > 0 for stake in self.stakes):
            raise ValueError(f"{self.name} has {len(self.lifts)} lifts and stakes {self.stakes}")


def lifts(*factors: float) -> tuple[float, ...]:
    """Odds ratios as log-odds."""
    return tuple(math.log(factor) for factor in factors)


# An error is an error for the user who meets it, so a cold start is no excuse for this channel.
ERRORS: Final = Channel(
    name="errors",
    metric="errors",
    rollback=HalfPlane(r0=1.10, d=0.0005),
    promote=HalfPlane(r0=1.5, d=0.002),
    lifts=lifts(1.1, 1.3, 1.7, 2.5, 4, 8, 20),
    stakes=(1.0,) * 7,
    waits_for_warm_up=False,
    is_failure=True,
)
