"""The rows B1 to B14: what is simulated, and what the judge must reach."""

from collections.abc import Callable
from functools import partial
from typing import Final

from benchmarks import judge_scenes as scenes
from benchmarks.judge_figures import Limit
from benchmarks.judge_run import Case
from benchmarks.judge_scenes import Site, errors, scene, scores, three, web_latency
from benchmarks.judge_shapes import slower, stretched, web
from benchmarks.judge_traffic import Scene
from towpath.core.canary_policy import CanaryPolicy

SMALL: Final = 100.0  # requests per second in total, of which the candidate gets 5 %
LARGE: Final = 10_000.0
_BOUNDARY: Final = 0.12566  # standard deviations that move 5 % of normal scores across their median
_LATE: Final = "begins after 30 min: "
_WARM_UP: Final = CanaryPolicy().warm_up


def _refused(at_most: float) -> Limit:
    return Limit(kind="refused", at_most=at_most)


def _good(row: str, name: str, build: Callable[[Site], Scene], at_most: float, rates: tuple[float, ...]) -> list[Case]:
    """A candidate that must survive."""
    return [Case(row=row, name=name, rate=rate, build=build, limits=(_refused(at_most),)) for rate in rates]


def _bad(
    row: str, name: str, build: Callable[[Site], Scene], medians: tuple[float, float], missed: float | None = None
) -> list[Case]:
    """A candidate that must be found: within so many seconds in half of all canaries at little and much traffic."""
    rare = () if missed is None else (Limit(kind="missed", at_most=missed),)
    return [
        Case(row=row, name=name, rate=rate, build=build, until="refused", limits=limits)
        for rate, limits in (
            (SMALL, (_median(medians[0]), *rare)),
            (LARGE, (_median(medians[1]), *rare)),
        )
    ]


def _median(at_most: float) -> Limit:
    return Limit(kind="detected", at_most=at_most)


def _tail(growth: float) -> Callable[[Site], Scene]:
    return lambda site: scene(site, web_latency(stretched(growth)))


def _slower(ratio: float) -> Callable[[Site], Scene]:
    return lambda site: scene(site, web_latency(slower(web, ratio)))


def _failing(canary: float, stable: float) -> Callable[[Site], Scene]:
    return lambda site: scene(site, errors(canary, stable))


def _moved(shift: float) -> Callable[[Site], Scene]:
    return lambda site: scene(site, scores(shift))


BOTH: Final = (SMALL, LARGE)


def _identical() -> list[Case]:
    sure = (_refused(0.3), Limit(kind="refused", at_most=1.0, end="upper"))
    same = [
        Case(row="B1", name="identical, three metrics", rate=rate, build=three, limits=sure, runs=(2000, 10_000))
        for rate in BOTH
    ]
    other = [
        Case(row="B2", name=name, rate=1000.0, build=build, limits=sure[1:])
        for name, build in (
            ("identical, gamma latency with timeouts, Beta scores, waves of load", scenes.other_world),
            ("the same while the share grows from 10 to 50 %", partial(scenes.other_world, grows=True)),
        )
    ]
    return [*same, *other]


def _survives() -> list[Case]:
    return [
        *_good("B3", "failures in bursts, variance 6.7 times the mean", scenes.bursts, 2.0, BOTH),
        *_good("B3", "every pod stalls 6 times an hour", scenes.stalls, 2.0, BOTH),
        *_good("B3", "pods differ by 2 %", scenes.uneven_pods, 2.0, BOTH),
        *_good("B4", "ramp while both arms become 1.3 times as slow", scenes.ramped_latency, 1.0, BOTH),
        *_good("B4", "ramp while both arms fail 0.6 instead of 0.2 %", scenes.ramped_errors, 1.0, BOTH),
        *_good("B5", "harmless: latency x1.02", _slower(1.02), 1.0, BOTH),
        *_good("B5", "harmless: scores moved by 0.02 sigma", _moved(0.02), 1.0, BOTH),
        *_good("B5", "harmless: failures 1 to 1.05 %", _failing(0.0105, 0.01), 1.0, BOTH),
    ]


def _found() -> list[Case]:
    return [
        *_bad("B6", "failures 0.1 to 1 %", _failing(0.01, 0.001), (240.0, 50.0), 0.0),
        *_bad("B7", "failures 1 to 2 %", _failing(0.02, 0.01), (650.0, 50.0)),
        *_bad("B8", "latency x1.2", _slower(1.2), (120.0, 50.0)),
        *_bad("B8", "latency x1.5", _slower(1.5), (60.0, 50.0)),
        *_bad("B9", "p99 +50 %, tail only", _tail(1.5), (900.0, 60.0), 1.0),
        *_longest(),
        *_bad("B11", "scores moved by 0.25 sigma", _moved(0.25), (200.0, 50.0)),
        *_bad("B12", f"{_LATE}failures 0.1 to 1 %", scenes.late_errors, (360.0, 90.0)),
        *_bad("B12", f"{_LATE}latency x1.2", scenes.late_latency, (180.0, 100.0)),
    ]


def _longest() -> list[Case]:
    """What little traffic hardly shows in an hour."""
    rows = (
        ("B10", "p99 +20 %, tail only", _tail(1.2), (Limit(kind="missed", at_most=45.0),), (_median(90.0),)),
        (
            "B11",
            "scores moved by 0.1 sigma",
            _moved(0.1),
            (_median(2500.0), Limit(kind="missed", at_most=15.0)),
            (_median(90.0),),
        ),
    )
    return [
        Case(row=row, name=name, rate=rate, build=build, limits=limits, until="refused")
        for row, name, build, small, large in rows
        for rate, limits in ((SMALL, small), (LARGE, large))
    ]


def _promoted() -> list[Case]:
    little = (_after(700.0), _after(1300.0, 0.9))
    rates = ((SMALL, little), (LARGE, (_after(620.0),)))
    return [
        Case(row="B13", name="identical, promoted", rate=rate, build=three, limits=limits, until="decided")
        for rate, limits in rates
    ]


def _after(at_most: float | None, quantile: float = 0.5) -> Limit:
    return Limit(kind="promoted after", at_most=at_most, quantile=quantile)


def _on_the_edge() -> list[Case]:
    chance = (Limit(kind="promoted", at_most=5.0, end="lower"),)
    edges = (
        ("failures 0.1 to 0.35 %", _failing(0.0035, 0.001)),
        ("failures 1 to 1.7 %", _failing(0.017, 0.01)),
        ("latency x1.2 + 2 ms", scenes.on_the_latency_edge),
        ("scores moved by 0.126 sigma", _moved(_BOUNDARY)),
    )
    return [
        Case(row="B14", name=f"just too bad to promote: {name}", rate=rate, build=build, limits=chance)
        for name, build in edges
        for rate in BOTH
    ]


def _cold_stalls() -> Case:
    """Told, not held: latency doesn't count in the first minutes."""
    told = (Limit(kind="refused", at_most=None),)
    name = "every pod stalls 6 times an hour, 300 s of warm-up"
    return Case(row="B3", name=name, rate=SMALL, build=scenes.stalls, limits=told, warm_up=_WARM_UP)


def _cold_promoted() -> list[Case]:
    """Told, not held: good candidates from their first request on."""
    name = "identical, promoted, from the first request, 300 s of warm-up"
    told = (_after(None), _after(None, 0.9))
    return [
        Case(row="B13", name=name, rate=rate, build=three, limits=told, until="decided", warm_up=_WARM_UP)
        for rate in BOTH
    ]


CASES: Final = (
    *_identical(),
    *_survives(),
    _cold_stalls(),
    *_found(),
    *_promoted(),
    *_cold_promoted(),
    *_on_the_edge(),
)
