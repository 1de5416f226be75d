"""The benchmark's figures are the real judge's: its twin says the same, poll by poll."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.judge_cells import Labels
from benchmarks.judge_check import compare
from benchmarks.judge_families import restless_minutes, shared_dependency
from benchmarks.judge_scenes import Site, errors, ramped, scene, scores, three, web_latency
from benchmarks.judge_shapes import slower, web
from benchmarks.judge_traffic import TIMES, Independent, Scene, observe
from benchmarks.judge_twin import Arm, Seen
from towpath.core.judge import ERRORS, JudgePolicy

POLLS = 90
FAILING = np.where((TIMES > 250) & (TIMES < 420), 0.3, 0.001)


def one_class(share: float = 0.97) -> Independent:
    """So frequent that more of it would be no worse than the margin allows."""
    shares = np.array([share, 1 - share])
    return Independent(ruler=Labels(classes=("cat", "dog")), canary=shares, stable=shares)


SCENES: dict[str, tuple[float, Callable[[Site], Scene]]] = {
    "identical": (100.0, three),
    "identical, much traffic": (10_000.0, three),
    "more errors": (100.0, lambda site: three(site, 0.01)),
    "slower": (1000.0, lambda site: three(site, answers=slower(web, 1.2))),
    "moved scores": (1000.0, lambda site: three(site, shift=0.2)),
    "a ramp while both get worse": (300.0, ramped),
    "hardly any traffic": (5.0, three),
    "hardly anything known of stable": (1.0, lambda site: replace(scene(site, errors(0.3, 0.1)), past_seconds=10.0)),
    "restless load": (100.0, restless_minutes),
    "both arms fail together": (600.0, shared_dependency),
    "both arms fail at once": (600.0, lambda site: scene(site, errors(FAILING, FAILING), web_latency(), scores())),
    "one class nearly always": (100.0, lambda site: scene(site, errors(0.01, 0.01), web_latency(), one_class())),
    "one class so often that it is doubtful": (
        100.0,
        lambda site: scene(site, errors(0.01, 0.01), web_latency(), one_class(0.95)),
    ),
    "broken": (500.0, lambda site: scene(site, errors(0.7, 0.02), web_latency(), scores())),
}


def shortened(seen: Seen, silent: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Seen:
    """The first polls, some of which have no requests in one arm or in both."""
    arms = [
        Arm(events=arm.events[:, :POLLS] * heard[None, :, None], requests=arm.requests[:, :POLLS] * heard)
        for arm, heard in zip((seen.canary, seen.stable), ~silent, strict=True)
    ]
    return replace(seen, canary=arms[0], stable=arms[1])


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("warm_up", [0.0, 300.0])
def test_the_twin_says_what_the_judge_says_at_every_poll(name: str, warm_up: float) -> None:
    rate, build = SCENES[name]
    rng = np.random.default_rng([len(name), int(warm_up)])
    traffic = observe(rng, build(Site(rate=rate, runs=2, rng=rng)), 2)
    policy = traffic.policy(warm_up)
    assert sorted({len(seen.channels) for seen in traffic.metrics}) in ([1, 4, 10], [1, 3, 10], [1, 4], [1])
    silent = rng.random((2, POLLS)) < 0.05
    metrics = [shortened(seen, silent) for seen in traffic.metrics]
    found = compare(policy, metrics, run=1)
    assert found.off_against < 1e-6
    assert found.off_in_favour < 1e-6
    assert found.agree


@pytest.mark.parametrize(
    ("rate", "canary", "event"), [(10_000.0, 0.001, "promoted"), (10_000.0, 0.01, "refused"), (10.0, 0.001, "neither")]
)
def test_what_is_compared_are_refusals_and_promotions_that_happen(rate: float, canary: float, event: str) -> None:
    rng = np.random.default_rng(3)
    traffic = observe(rng, three(Site(rate=rate, runs=1, rng=rng), canary), 1)
    found = compare(traffic.policy(), [shortened(seen, np.zeros((2, POLLS), bool)) for seen in traffic.metrics], run=0)
    assert ((found.refused[0] > 0), (found.promoted[0] > 0)) == (event == "refused", event == "promoted")


def test_events_that_come_in_clusters_count_less_in_both() -> None:
    rng = np.random.default_rng(8)
    traffic = observe(rng, scene(Site(rate=300.0, runs=1, rng=rng), errors(0.01, 0.004)), 1)
    policy = JudgePolicy(channels=(ERRORS,), dispersion=4.0)
    found = compare(policy, [shortened(traffic.metrics[0], np.zeros((2, POLLS), bool))], run=0)
    assert (found.off_against < 1e-6, found.off_in_favour < 1e-6) == (True, True)
