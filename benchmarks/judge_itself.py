"""What only the judge itself can show: that the twin speaks for it (B0), and what a poll costs (B15)."""

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from typing import Final

import numpy as np

from benchmarks import judge_families as families
from benchmarks import judge_scenes as scenes
from benchmarks.judge_check import compare, poll, reference, worst
from benchmarks.judge_figures import Held
from benchmarks.judge_scenes import Site, three
from benchmarks.judge_shapes import slower, web
from benchmarks.judge_traffic import Scene, Traffic, observe
from towpath.core.judge import start, step, verdict

TWIN_LIMIT: Final = 1e-6  # of log evidence
COST_LIMIT: Final = 5.0  # milliseconds
LARGE: Final = 10_000.0
_CHECKED: Final[tuple[tuple[float, Callable[[Site], Scene]], ...]] = (
    (100.0, three),
    (LARGE, three),
    (100.0, lambda site: three(site, 0.01)),
    (100.0, lambda site: three(site, 0.0035)),
    (1000.0, lambda site: three(site, answers=slower(web, 1.1))),
    (100.0, lambda site: three(site, shift=0.1)),
    (100.0, scenes.ramped),
    (1000.0, scenes.other_world),
    (200.0, families.shared_dependency),
    (500.0, families.drifting_classes),
)


def checked(seed: int) -> Held:
    """B0: one canary each of several scenes, the whole hour, by both."""
    found = []
    for place, (rate, build) in enumerate(_CHECKED):
        rng = np.random.default_rng([seed, place])
        traffic = observe(rng, build(Site(rate=rate, runs=1, rng=rng)), 1)
        found.append(compare(traffic.policy(), traffic.metrics, run=0))
    off = worst(found)
    ended = sum(one.refused[0] > 0 or one.promoted[0] > 0 for one in found)
    return Held(
        measured=f"log evidence differs by at most {off:.0e}; {ended} of {len(found)} decided, at the same polls",
        limit=f"{TWIN_LIMIT:.0e}",
        kept=off <= TWIN_LIMIT,
    )


def cost(seed: int, *, probes: bool) -> tuple[Held, Held]:
    """B15: a poll of three metrics at much traffic, and whether what is kept grows.

    With probes there are twice as many counts and three times as many bets.
    """
    rng = np.random.default_rng(seed)
    traffic = observe(rng, three(Site(rate=LARGE, runs=1, rng=rng)), 1)
    spent, kept = _timed(traffic, probes=probes)
    median, slowest = statistics.median(spent), float(np.quantile(spent, 0.99))
    return (
        Held(
            measured=f"median {median:.2f} ms, 99 % by {slowest:.2f} ms of {len(spent)} polls",
            limit=f"{COST_LIMIT:g} ms",
            kept=median <= COST_LIMIT,
        ),
        Held(
            measured=f"{kept[0]} numbers are kept after the first poll, {kept[-1]} after the last",
            limit="no more than after the first",
            kept=max(kept) == kept[0],
        ),
    )


def _timed(traffic: Traffic, *, probes: bool) -> tuple[list[float], list[int]]:
    """Milliseconds and kept numbers of every poll and the verdict after it; probes fare as users' requests do."""
    policy, past = replace(traffic.policy(), probes=probes), reference(traffic.metrics)
    state = start(policy, replace(past, probe=past.live))
    spent, kept = [], []
    for place in range(traffic.metrics[0].polls):
        now = poll(policy, traffic.metrics, 0, place)
        now = replace(now, probe=now.live) if probes else now
        begun = time.perf_counter()
        state = step(state, now)
        verdict(state)
        spent.append(1000 * (time.perf_counter() - begun))
        kept.append(sum(1 for _ in _numbers(astuple(replace(state, awaited=())))))
    return spent, kept


def _numbers(value: object) -> Iterator[float]:
    if isinstance(value, int | float):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from _numbers(part)
