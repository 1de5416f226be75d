"""What simulated requests are counted by: cells, of which each request falls into one, and the channels over them."""

from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from infra.serving.bootstrap import latency_buckets
from towpath.core.canary_policy import CanaryPolicy, Margins, judge_policy
from towpath.core.judge import Channel, JudgePolicy
from towpath.core.judge.channels import Failed, SlowerThan
from towpath.core.judge.curves import Curve, latency_channels, prediction_channels
from towpath.core.tallies import Counted, Tally

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Metric = Literal["errors", "latency", "predictions"]

CLIENT_EDGES: Final = (5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000)
"""The 14 default edges of Prometheus' Python client, in milliseconds."""
EDGES: Final = tuple(sorted({*latency_buckets(), *map(float, CLIENT_EDGES)}))
"""Every edge at which a simulated latency is counted: the router's own and those of the rules we compare with."""
OUTPUT: Final = "output"
MARGINS: Final = Margins()


class Ruler(Protocol):
    """What the cells of one metric are."""

    @property
    def metric(self) -> Metric:
        """What its channels share alpha with."""

    def channels(self, past: Counts) -> tuple[Channel, ...]:
        """The judge's own choice from what stable did before, by cell."""

    def events(self, channel: Channel) -> Array:
        """Which cells a channel counts: 1, others 0."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcomes:
    """Cells: answered, failed."""

    metric: Metric = "errors"

    def channels(self, _past: Counts) -> tuple[Channel, ...]:
        """The one for errors."""
        return judge_policy(CanaryPolicy(margins=MARGINS)).channels

    def events(self, channel: Channel) -> Array:
        """The second cell."""
        if not isinstance(channel.event, Failed):
            raise TypeError(channel.name)
        return np.array([0.0, 1.0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Latencies:
    """Cells: up to the first of `EDGES`, up to the second, and so on, and above the last."""

    metric: Metric = "latency"

    def channels(self, past: Counts) -> tuple[Channel, ...]:
        """At edges that the router counts at."""
        known = set(latency_buckets())
        above = past.sum() - np.cumsum(past)[:-1]
        seen = [(edge, int(count)) for edge, count in zip(EDGES, above, strict=True) if edge in known]
        edges, counts = zip(*seen, strict=True)
        curve = Curve(edges=edges, above=counts, cases=int(past.sum()))
        return latency_channels([curve], MARGINS.latency, MARGINS.latency_promote)

    def events(self, channel: Channel) -> Array:
        """All cells above the channel's edge."""
        if not isinstance(channel.event, SlowerThan):
            raise TypeError(channel.name)
        return np.array([0.0] + [float(edge >= channel.event.edge) for edge in EDGES])


@dataclass(frozen=True, kw_only=True, slots=True)
class Scores:
    """Cells: up to the first cut, and so on, and above the last."""

    cuts: tuple[float, ...]
    metric: Metric = "predictions"
    kinds: tuple[Counted, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Name what is counted."""
        object.__setattr__(self, "kinds", tuple(Counted(output=OUTPUT, above=cut) for cut in self.cuts))

    def channels(self, past: Counts) -> tuple[Channel, ...]:
        """Upwards and downwards at the cuts that are chosen from the past."""
        above = past.sum() - np.cumsum(past)[:-1]
        return _predictions(self.kinds, above, past)

    def events(self, channel: Channel) -> Array:
        """All cells above the channel's cut, or all others."""
        for place, kind in enumerate(self.kinds):
            if channel.name in {kind.spoken, kind.contrary}:
                above = np.arange(len(self.cuts) + 1) > place
                return np.where(above == (channel.name == kind.spoken), 1.0, 0.0)
        raise ValueError(channel.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Labels:
    """One cell per class."""

    classes: tuple[str, ...]
    metric: Metric = "predictions"

    def channels(self, past: Counts) -> tuple[Channel, ...]:
        """More of each class, and less."""
        return _predictions([Counted(output=OUTPUT, label=name) for name in self.classes], past, past)

    def events(self, channel: Channel) -> Array:
        """The class's cell, or all others."""
        for place, name in enumerate(self.classes):
            kind = Counted(output=OUTPUT, label=name)
            if channel.name in {kind.spoken, kind.contrary}:
                own = np.arange(len(self.classes)) == place
                return np.where(own == (channel.name == kind.spoken), 1.0, 0.0)
        raise ValueError(channel.name)


def _predictions(kinds: "tuple[Counted, ...] | list[Counted]", counts: Counts, past: Counts) -> tuple[Channel, ...]:
    cases = int(past.sum())
    tallies = {kind: Tally(events=int(count), cases=cases) for kind, count in zip(kinds, counts, strict=True)}
    return prediction_channels(tallies, kinds, (MARGINS.predictions, MARGINS.predictions_promote))


def policy_of(channels: tuple[Channel, ...], warm_up: float = 0.0) -> JudgePolicy:
    """Our defaults, alpha split over the metrics that are there.

    Args:
        channels: of all metrics.
        warm_up: seconds; 0 where the hour begins once the candidate is warm.
    """
    metrics = tuple(dict.fromkeys(channel.metric for channel in channels))
    return replace(judge_policy(CanaryPolicy(warm_up=warm_up)), metrics=metrics, channels=channels)
