"""The published table of the smallest regressions, in latency and in predictions; `test_outlook` has its errors.

A candidate with 5 % of the traffic, an alpha of 1 % for the metric, and no cap: the table's closed form has none.
"""

import math
from collections.abc import Sequence

import pytest
from scipy import optimize, stats

from towpath.core.canary import CanaryStep
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.judge import Channel
from towpath.core.judge.curves import Curve, Slower, latency_channels, prediction_channels
from towpath.core.sight import Visible, visible
from towpath.core.tallies import Counted, Tally
from towpath.core.traffic import Traffic

CASES = 10**9
POLICY = CanaryPolicy(warm_up=0.0, metrics=("errors", "latency", "predictions"), alpha=0.03, cap=math.inf)


def by_the_end(
    rate: float, minutes: float, channels: Sequence[Channel], rates: Sequence[float], curve: Curve
) -> Visible:
    traffic = Traffic(
        requests_per_second=rate / 0.05,
        channels=tuple(channels),
        rates={channel.name: share for channel, share in zip(channels, rates, strict=True)},
        curve=curve,
    )
    step = CanaryStep(
        traffic=5, dwell=60 * minutes, canary_replicas=1, stable_replicas=19, needs_promote=False, last=True
    )
    return visible(POLICY, traffic, (step,))[0]


def before_scaling(ms: float) -> float:
    """Share of answers above: a lognormal body with a tail of infinite variance."""
    body, tail = stats.lognorm.sf(ms, 0.45, scale=80.0), (150.0 / max(ms, 150.0)) ** 1.8
    return float(0.97 * body + 0.03 * tail)


SCALE = 400.0 / float(optimize.brentq(lambda ms: before_scaling(ms) - 0.01, 10.0, 5000.0))


def slow(ms: float) -> float:
    """The same, with a p99 of 400 ms."""
    return before_scaling(ms / SCALE)


def published_curve() -> Curve:
    fine = {round(5 * 2 ** (place / 8), 6) for place in range(97)}
    edges = sorted(fine | {5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 250.0, 500.0, 750.0, 1e3, 2.5e3, 5e3, 7.5e3, 1e4})
    return Curve(edges=tuple(edges), above=tuple(round(CASES * slow(edge)) for edge in edges), cases=CASES)


@pytest.mark.parametrize(
    ("rate", "minutes", "tail", "whole"),
    [
        (0.5, 10, 1.89, 1.21),
        (0.5, 60, 1.43, 1.11),
        (5, 10, 1.35, 1.10),
        (5, 60, 1.18, 1.07),
        (50, 60, 1.09, 1.056),
        (500, 60, 1.07, 1.05),
    ],
)
def test_the_published_slowest_answers_come_out(rate: float, minutes: float, tail: float, whole: float) -> None:
    curve = published_curve()
    channels = latency_channels([curve], Slower(ratio=1.05, plus=0.0), Slower(ratio=1.2, plus=0.0))
    shares = [curve.share_above(float(channel.name.split()[2])) for channel in channels]
    found = by_the_end(rate, minutes, channels, shares, curve)
    highest = found.channels[-1]
    assert found.latency == pytest.approx(whole, abs=0.005)
    assert highest.share is not None
    steepness = math.log(slow(400.0) / slow(440.0)) / math.log(1.1)  # of the tail, where its share is read as a factor
    assert (highest.share / highest.stable) ** (1 / steepness) == pytest.approx(tail, abs=0.005)


@pytest.mark.parametrize(
    ("rate", "minutes", "shift", "deviations"),
    [
        (0.5, 10, 0.144, 0.37),
        (0.5, 60, 0.071, 0.18),
        (5, 10, 0.060, 0.15),
        (5, 60, 0.036, 0.09),
        (50, 60, 0.025, 0.06),
        (500, 60, 0.022, 0.05),
    ],
)
def test_the_published_shifts_of_scores_come_out(rate: float, minutes: float, shift: float, deviations: float) -> None:
    past = {
        Counted(output="p", above=float(stats.norm.isf(share))): Tally(events=int(share * CASES), cases=CASES)
        for share in (0.9, 0.75, 0.5, 0.25, 0.1)
    }
    channels = prediction_channels(past, tuple(past), (0.02, 0.05))
    found = by_the_end(rate, minutes, channels, [0.5] * len(channels), published_curve()).predictions
    assert len(channels) == 10
    assert found == pytest.approx(shift, abs=0.0005)
    assert float(stats.norm.ppf(0.5 + (found or 0.0))) == pytest.approx(deviations, abs=0.005)
