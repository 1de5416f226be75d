"""The judge beside other rules, all on the same requests."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from benchmarks import judge_scenes as scenes
from benchmarks.judge_cells import Array
from benchmarks.judge_figures import median, percent
from benchmarks.judge_rules import RULES, minutes
from benchmarks.judge_run import Case, Task
from benchmarks.judge_scenes import Site, scene, scores, three, web_latency
from benchmarks.judge_shapes import slower, stretched, web
from benchmarks.judge_traffic import POLL, Scene, observe
from benchmarks.judge_twin import judge

OURS: Final = "Towpath"
_HALF: Final = 0.5
_GOOD, _BAD = "good", "bad"


def _bursts(site: Site) -> Scene:
    return scene(site, *scenes.bursts(site).fates, web_latency(), scores())


def _late(site: Site) -> Scene:
    begun = scenes.late_errors(site)
    return Scene(
        rate=begun.rate,
        fates=(*begun.fates, web_latency(), scores()),
        share=begun.share,
        load=begun.load,
        onset=begun.onset,
    )


_SCENES: Final[tuple[tuple[str, str, Callable[[Site], Scene]], ...]] = (
    (_GOOD, "identical, both fail 0.1 %", three),
    (_GOOD, "identical, both fail 1 %", lambda site: three(site, 0.01, 0.01)),
    (_GOOD, "identical, waves of load on latency", scenes.daily),
    (_GOOD, "identical, ramp while both get worse", scenes.ramped),
    (_GOOD, "identical, failures in bursts", _bursts),
    (
        _GOOD,
        "harmless: latency x1.02, scores 0.02 sigma",
        lambda site: three(site, answers=slower(web, 1.02), shift=0.02),
    ),
    (_BAD, "failures 0.1 to 1 %", lambda site: three(site, 0.01)),
    (_BAD, "failures 1 to 2 %", lambda site: three(site, 0.02, 0.01)),
    (_BAD, "failures 0.1 to 1 % after 30 min", _late),
    (_BAD, "latency x1.2", lambda site: three(site, answers=slower(web, 1.2))),
    (_BAD, "latency x1.5", lambda site: three(site, answers=slower(web, 1.5))),
    (_BAD, "p99 +50 %, tail only", lambda site: three(site, answers=stretched(1.5))),
    (_BAD, "scores moved by 0.1 sigma", lambda site: three(site, shift=0.1)),
    (_BAD, "scores moved by 0.25 sigma", lambda site: three(site, shift=0.25)),
)

CASES: Final = tuple(
    Case(row=kind, name=name, rate=rate, build=build, runs=(100, 500))
    for kind, name, build in _SCENES
    for rate in (1.0, 10.0, 100.0, 10_000.0)
)


def race(task: Task) -> dict[str, Array]:
    """Seconds until each rule rolls back, counted from the regression's begin; infinite where it never does."""
    case = CASES[task.case]
    rng = task.rng(case.number())
    drawn = case.build(Site(rate=case.rate, runs=task.runs, rng=rng))
    traffic = observe(rng, drawn, task.runs, fine=True)
    twin = judge(traffic.policy(), traffic.metrics, "refused")
    seen = minutes(traffic.cells, drawn.share, rng)
    found = {OURS: np.where(twin.refused > 0, twin.refused * POLL, math.inf)}
    found |= {name: rule(seen) for name, rule in RULES.items()}
    return {name: _from(seconds, drawn.onset) for name, seconds in found.items()}


def _from(seconds: Array, onset: float) -> Array:
    """A rule that has already rolled back when the regression begins can't find it any more."""
    return np.where(seconds > onset, seconds - onset, math.inf)


def line(case: Case, batches: Sequence[dict[str, Array]]) -> list[str]:
    """One row of the table."""
    merged = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    tell = _rolled_back if case.row == _GOOD else _found
    runs = len(merged[OURS])
    return [case.name, f"{case.rate:,.0f}", str(runs), *(tell(seconds) for seconds in merged.values())]


def _rolled_back(seconds: Array) -> str:
    return percent(np.isfinite(seconds))


def _found(seconds: Array) -> str:
    missed = np.isinf(seconds)
    if missed.mean() >= _HALF:
        return f"missed {percent(missed)}"
    rare = f", missed {percent(missed)}" if missed.any() else ""
    return f"{median(seconds)}{rare}"
