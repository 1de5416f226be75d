"""What is promised of the judge with its defaults, in simulated canaries by the thousand."""

from collections.abc import Callable

import numpy as np

from benchmarks.judge_run import Case, simulate, tasks, together
from benchmarks.judge_scenes import SHARE, Site, errors, scene, web_latency
from benchmarks.judge_shapes import stretched
from benchmarks.judge_traffic import POLL, Scene

SEED = 20260117


def bad(name: str, rate: float, build: Callable[[Site], Scene]) -> Case:
    return Case(row="-", name=name, rate=rate, build=build, until="refused")


def refused(case: Case, runs: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The look, counted from 1, at which each of so many canaries was refused; 0: never."""
    return together([simulate(case, task) for task in tasks(0, runs, SEED)]).refused


def test_a_p99_that_grew_by_three_tenths_rolls_back_and_an_equal_one_does_not() -> None:
    worse = bad("p99 +30 %", 1000.0, lambda site: scene(site, web_latency(stretched(1.3))))
    equal = Case(row="-", name="equal", rate=1000.0, build=lambda site: scene(site, web_latency()))
    assert refused(worse, 200).all()
    assert np.count_nonzero(refused(equal, 1000)) <= 10


def test_at_most_one_in_a_hundred_that_fail_as_often_as_stable_is_refused() -> None:
    equal = Case(row="-", name="equal errors", rate=100.0, build=lambda site: scene(site, errors(0.001, 0.001)))
    assert np.count_nonzero(refused(equal, 500)) <= 5


def test_five_percent_of_errors_roll_back_before_five_thousand_answers_of_the_candidate() -> None:
    case = bad("errors 5 %", 100.0, lambda site: scene(site, errors(0.05, 0.001)))
    looks = refused(case, 1000)
    assert looks.all()
    assert looks.max() * POLL * case.rate * SHARE < 5000
