"""What little traffic shows in an hour by our defaults: warm-up, three metrics, and no more than 3600 s."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from benchmarks.judge_cells import Array
from benchmarks.judge_figures import Hours, median, percent
from benchmarks.judge_run import Case
from benchmarks.judge_scenes import Site, three
from benchmarks.judge_shapes import slower, web
from benchmarks.judge_traffic import TIMES, Scene
from towpath.core.canary_policy import UNJUDGED, CanaryPolicy

_POLICY: Final = CanaryPolicy()
_PAST: Final = 3600.0  # seconds; so long stable has answered before
_CANDIDATES: Final[tuple[tuple[str, Callable[[Site], Scene]], ...]] = (
    ("identical", three),
    ("failures 0.1 to 1 %", lambda site: three(site, 0.01)),
    ("failures 0.1 to 5 %", lambda site: three(site, 0.05)),
    ("failures 0.1 to 30 %", lambda site: three(site, 0.3)),
    ("nothing works", lambda site: three(site, 1.0)),
    ("latency x1.2", lambda site: three(site, answers=slower(web, 1.2))),
    ("latency x1.5", lambda site: three(site, answers=slower(web, 1.5))),
    ("latency x3", lambda site: three(site, answers=slower(web, 3.0))),
    ("scores moved by 0.25 sigma", lambda site: three(site, shift=0.25)),
    ("scores moved by 1 sigma", lambda site: three(site, shift=1.0)),
)
COLUMNS: Final = ("1/s, 5 %", "1/s, steps", "10/s, 5 %", "10/s, steps")
_KINDS: Final = tuple((rate, steps) for rate in (1.0, 10.0) for steps in (False, True))


def steps(rate: float) -> Array:
    """The candidate's share by poll as our steps raise it: each lasts its dwell and its least requests."""
    ends, end = [], 0.0
    shares = [share / 100 for share in _POLICY.shares if share <= UNJUDGED]
    for share in shares:
        end += max(_POLICY.dwell, _POLICY.min_requests / (rate * share))
        ends.append(end)
    return np.select([end > TIMES for end in ends[:-1]], shares[:-1], shares[-1])


def _thin(build: Callable[[Site], Scene], *, stepped: bool) -> Callable[[Site], Scene]:
    def scene(site: Site) -> Scene:
        usual = replace(build(site), past_seconds=_PAST)
        return replace(usual, share=steps(site.rate)) if stepped else usual

    return scene


CASES: Final = tuple(
    Case(
        row=name,
        name=column,
        rate=rate,
        build=_thin(build, stepped=stepped),
        runs=(150, 1000),
        until="decided",
        warm_up=_POLICY.warm_up,
    )
    for name, build in _CANDIDATES
    for column, (rate, stepped) in zip(COLUMNS, _KINDS, strict=True)
)


def cell(hours: Hours) -> str:
    """What became of them: rolled back, promoted; the rest is still open after an hour."""
    promoted = hours.promoted_after()
    refused = np.where(np.isfinite(promoted), np.inf, hours.detected())
    parts = [_part("rolled back", refused), _part("promoted", promoted)]
    found = "; ".join(part for part in parts if part)
    return found or f"all open: {percent(np.isinf(refused) & np.isinf(promoted))}"


def _part(word: str, seconds: Array) -> str:
    done = np.isfinite(seconds)
    if not done.any():
        return ""
    return f"{percent(done)} {word}, median {median(seconds[done])}"


def lines(found: Sequence[Hours]) -> list[list[str]]:
    """One row per candidate, from the results of all cases in order."""
    width = len(COLUMNS)
    return [
        [name, f"{len(found[place * width].refused):,}", *map(cell, found[place * width : (place + 1) * width])]
        for place, (name, _) in enumerate(_CANDIDATES)
    ]
