"""Which metrics a canary would be judged on, and why others not: known before it runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from towpath.core.canary_policy import METRICS, CanaryPolicy
from towpath.core.comparison import no_latency, no_predictions, predicts
from towpath.core.judge import Channel
from towpath.core.observation import Observation
from towpath.core.own_counts import reported, total

State = Literal["on", "waits", "off"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One metric of a canary to come.

    Attributes:
        metric: its name.
        state: on: compared from the first look; waits: nothing goes beyond 50 % before it can be compared; off: not
            judged.
        why: in words; empty where it is on and there is nothing to add.
    """

    metric: str
    state: State
    why: str = ""


def judged(policy: CanaryPolicy, channels: tuple[Channel, ...], seen: Observation | None) -> tuple[Judged, ...]:
    """Every metric, Towpath's own first; `channels` are those that can be compared by what was `seen` of stable."""
    compared = {channel.metric for channel in channels}
    ours = [
        Judged(metric=metric, state="off", why="left out of metrics in deploy.toml")
        if metric not in policy.metrics
        else Judged(metric=metric, state="on")
        if metric in compared
        else _not_yet(metric, seen)
        for metric in METRICS
    ]
    return (*ours, *_own(policy, seen))


def _not_yet(metric: str, seen: Observation | None) -> Judged:
    if metric == "predictions" and (seen is None or not predicts(seen)):
        return Judged(
            metric=metric, state="off", why="no replica of stable counts predictions, as the serving kit does"
        )
    known = seen or Observation(at=0.0, samples=())
    missing = no_latency(known) if metric == "latency" else no_predictions(known)
    return Judged(metric=metric, state="waits" if missing.waits else "off", why=missing.why)


def _own(policy: CanaryPolicy, seen: Observation | None) -> Iterator[Judged]:
    past = {} if seen is None else total(seen.own, "stable")
    for name in (metric.name for metric in policy.own):
        tally = past.get(name)
        if tally is None:
            why = "" if seen is None else reported(name, seen.problems)
            yield Judged(metric=name, state="waits", why=f"stable doesn't count it{why}")
        elif not tally.cases:
            yield Judged(metric=name, state="waits", why="stable has counted no case yet")
        else:
            none = "" if tally.events else "; if that can't be, look at the labels it is counted by"
            share = f"stable: {tally.events:,} of {tally.cases:,}, {tally.events / tally.cases:.2%}"
            yield Judged(metric=name, state="on", why=f"{share}{none}")
