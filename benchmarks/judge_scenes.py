"""The hours that are simulated: good candidates in bad weather, bad ones, and what lies on the edge of a margin."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from benchmarks.judge_cells import MARGINS, Array, Outcomes
from benchmarks.judge_shapes import (
    BETA,
    LATENCIES,
    NORMAL,
    Above,
    beta_scores,
    cells,
    gamma,
    normal_scores,
    slower,
    web,
)
from benchmarks.judge_traffic import POLL, POLLS, TIMES, Bursts, Fates, Independent, Scene, Sizes

SHARE: Final = 0.05
HOUR: Final = POLL * POLLS
HALF: Final = HOUR / 2
_PODS: Final = 20  # one of them is the candidate's
_BEFORE: Final = 300.0  # seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Site:
    """What a scene is drawn for: requests per second in total, how many canaries, and where chance comes from."""

    rate: float
    runs: int
    rng: np.random.Generator


def scene(site: Site, *fates: Fates, share: Array | float = SHARE, load: Array | float = 1.0) -> Scene:
    """A scene with a steady share of steady traffic, where nothing else is said."""
    steady = np.ones(POLLS)
    return Scene(rate=site.rate, fates=fates, share=share * steady, load=load * steady)


def errors(canary: Array | float, stable: Array | float) -> Independent:
    """Requests that fail one by one; shares of all, by poll where they change."""
    both = (np.asarray(share) for share in (canary, stable))
    first, second = (np.stack([1 - share, share], axis=-1) for share in both)
    return Independent(ruler=Outcomes(), canary=first, stable=second)


def latency(canary: Array, stable: Array) -> Independent:
    """Shares of the latency cells."""
    return Independent(ruler=LATENCIES, canary=canary, stable=stable)


def web_latency(canary: Above = web) -> Independent:
    """Stable answers as the web does, the candidate as said."""
    return latency(cells(canary), cells(web))


def scores(shift: float = 0.0) -> Independent:
    """Normal scores, the candidate's higher by so many standard deviations."""
    return Independent(ruler=NORMAL, canary=normal_scores(shift), stable=normal_scores())


def three(
    site: Site, canary: float = 0.001, stable: float = 0.001, *, answers: Above = web, shift: float = 0.0
) -> Scene:
    """All three metrics: shares of failing requests, how the candidate answers, and how far its scores moved."""
    return scene(site, errors(canary, stable), web_latency(answers), scores(shift))


def late(before: Array, after: Array, onset: float = HALF) -> Array:
    """Shares by poll that change at `onset` seconds."""
    return np.where((onset < TIMES)[:, None], after, before)


def late_errors(site: Site) -> Scene:
    """From half an hour on the candidate fails 1 % instead of 0.1 %, as with a leak."""
    grows = np.where(TIMES > HALF, 0.01, 0.001)
    return replace(scene(site, errors(grows, 0.001)), onset=HALF)


def late_latency(site: Site) -> Scene:
    """From half an hour on the candidate answers 1.2 times as slowly."""
    shares = late(cells(web), cells(slower(web, 1.2)))
    return replace(scene(site, latency(shares, cells(web))), onset=HALF)


def bursts(site: Site) -> Scene:
    """0.5 % of both arms' requests fail in clusters of 4 on average, at most 20: variance 6.7 times the mean."""
    return scene(site, Bursts(canary=0.005, stable=0.005, sizes=Sizes(mean=4, most=20)))


def stalls(site: Site) -> Scene:
    """Each of 20 pods stalls 6 times an hour for 5 s on average and answers 4 times as slowly; one is the candidate."""
    stalled = stall_shares(site.rng, (site.runs, _PODS), per_hour=6.0, seconds=5.0)
    well, ill = cells(web), cells(web, 4.0)
    canary, stable = stalled[:, 0], stalled[:, 1:].mean(axis=1)
    shares = [(1 - part)[..., None] * well + part[..., None] * ill for part in (canary, stable)]
    return scene(site, latency(shares[0], shares[1]))


def stall_shares(rng: np.random.Generator, shape: tuple[int, int], per_hour: float, seconds: float) -> Array:
    """Part of each poll that each pod of each run stalls; stalls begin at random and last exponentially long.

    They have been going on for some minutes when the hour begins.
    """
    pods, span = shape[0] * shape[1], HOUR + _BEFORE
    which = np.repeat(np.arange(pods), rng.poisson(per_hour * span / 3600.0, pods))
    begin = rng.uniform(-_BEFORE, HOUR, len(which))
    end = begin + rng.exponential(seconds, len(which))
    found = np.zeros((pods, POLLS))
    for place in range(POLLS):
        overlap = np.minimum(end, (place + 1) * POLL) - np.maximum(begin, place * POLL)
        found[:, place] = np.bincount(which, np.maximum(overlap, 0.0), pods)
    return np.minimum(found / POLL, 1.0).reshape(*shape, POLLS)


def uneven_pods(site: Site) -> Scene:
    """Each of 20 pods is always slower or quicker than the average by 2 % (one standard deviation)."""
    factors = np.exp(0.02 * site.rng.standard_normal((site.runs, _PODS)))
    canary, stable = cells(web, factors[:, :1]), cells(web, factors[:, 1:]).mean(axis=1, keepdims=True)
    return scene(site, latency(canary, stable))


def ramped_latency(site: Site) -> Scene:
    """After half an hour the share grows from 5 to 25 % just as both arms become 1.3 times as slow."""
    shares = cells(web, np.where(TIMES > HALF, 1.3, 1.0))
    return scene(site, latency(shares, shares), share=ramp(0.05, 0.25))


def ramped_errors(site: Site) -> Scene:
    """After half an hour the share grows from 5 to 25 % just as both arms' failures go from 0.2 to 0.6 %."""
    both = np.where(TIMES > HALF, 0.006, 0.002)
    return scene(site, errors(both, both), share=ramp(0.05, 0.25))


def ramped(site: Site) -> Scene:
    """Both at once, beside scores that stay."""
    slow, failing = ramped_latency(site), ramped_errors(site)
    return scene(site, *failing.fates, *slow.fates, scores(), share=slow.share)


def ramp(before: float, after: float) -> Array:
    """The candidate's share, raised after half an hour."""
    return np.where(TIMES > HALF, after, before)


def daily(site: Site) -> Scene:
    """Both arms' latency follows the day (20 % up and down within the hour) and a slow random load (AR(1), 8 %)."""
    noise = np.zeros((site.runs, POLLS))
    for place in range(1, POLLS):
        fresh = site.rng.normal(0.0, 0.08 * (1 - 0.9**2) ** 0.5, site.runs)
        noise[:, place] = 0.9 * noise[:, place - 1] + fresh
    phase = site.rng.uniform(0.0, 1.0, (site.runs, 1))
    both = cells(web, np.exp(0.2 * np.sin(2 * np.pi * (TIMES / HOUR + phase)) + noise))
    return scene(site, errors(0.001, 0.001), latency(both, both), scores())


def on_the_latency_edge(site: Site) -> Scene:
    """The candidate is exactly as slow as *promote* must exclude."""
    margin = MARGINS.latency_promote
    return scene(site, web_latency(slower(web, margin.ratio, margin.plus)))


def other_world(
    site: Site, failing: float = 0.003, first: float = 2.0, *, answers: Above | None = None, grows: bool = False
) -> Scene:
    """Another service under a shared wave of load: gamma latency with timeouts, scores of a rare positive class.

    Args:
        site: where.
        failing: the candidate's share at average load; stable's is 0.3 %.
        first: of the candidate's Beta(first, 8) scores; stable's are Beta(2, 8).
        answers: how the candidate answers, where not as stable does.
        grows: whether its share grows from 10 to 50 % after half an hour.
    """
    load = 1 + 0.3 * np.sin(2 * np.pi * TIMES / HOUR)
    factor = 1 + 0.25 * (load - 1)
    share = ramp(0.1, 0.5) if grows else 0.1
    return scene(
        site,
        errors(failing * load, 0.003 * load),
        latency(cells(answers or gamma(), factor), cells(gamma(), factor)),
        Independent(ruler=BETA, canary=beta_scores(first), stable=beta_scores()),
        share=share,
        load=load,
    )
