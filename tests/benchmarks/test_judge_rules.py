"""The rules the judge is compared with do what their tools do."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from benchmarks.judge_cells import CLIENT_EDGES, EDGES, Counts, Metric
from benchmarks.judge_rules import RULES, Minutes, client_quantile, higher, minutes
from benchmarks.judge_scenes import Site, three
from benchmarks.judge_shapes import NORMAL
from benchmarks.judge_traffic import Scene, observe

LOOKS = 30


def flat(failing: Counts, slow: Counts) -> Minutes:
    """One run of a thousand requests a minute, of which so many fail and so many take 600 ms; the rest takes 30."""
    latency, scores = np.zeros((1, LOOKS, len(EDGES) + 1), np.int64), np.full((1, LOOKS, len(NORMAL.cuts) + 1), 25)
    latency[0, :, EDGES.index(50.0)] = 1000 - slow
    latency[0, :, EDGES.index(750.0)] = slow
    errors = np.stack([1000 - failing, failing], axis=-1)[None]
    cells: dict[Metric, Counts] = {"errors": errors, "latency": latency, "predictions": scores}
    return Minutes(canary=cells, stable=cells, control=cells)


def every(minute: int) -> Counts:
    """Bad in every so many minutes only."""
    return np.where(np.arange(1, LOOKS + 1) % minute == 0, 20, 0)


@pytest.mark.parametrize("bad", ["failing", "slow"])
@pytest.mark.parametrize(
    ("rule", "seconds"), [("Argo, first failure", 120.0), ("Argo, limit 3", 480.0), ("Flagger", 1200.0)]
)
def test_fixed_limits_add_up_failed_minutes_in_a_row_or_not(bad: str, rule: str, seconds: float) -> None:
    none = np.zeros(LOOKS, np.int64)
    seen = flat(every(2), none) if bad == "failing" else flat(none, every(2))
    assert RULES[rule](seen).tolist() == [seconds]


@pytest.mark.parametrize("rule", RULES)
def test_where_nothing_is_wrong_and_both_arms_are_the_same_no_rule_rolls_back(rule: str) -> None:
    none = np.zeros(LOOKS, np.int64)
    assert RULES[rule](flat(none, none)).tolist() == [math.inf]


def test_a_quantile_is_interpolated_between_the_clients_edges_as_prometheus_does() -> None:
    cells = np.zeros((1, 1, len(EDGES) + 1), np.int64)
    cells[..., EDGES.index(250.0)] = 90  # from 100 to 250 ms
    cells[..., EDGES.index(500.0)] = 10
    assert client_quantile(cells, 0.5)[0, 0] == pytest.approx(100 + 150 * 50 / 90)
    assert client_quantile(cells, 0.99)[0, 0] == pytest.approx(250 + 250 * 9 / 10)
    cells[..., -1] = 100
    assert client_quantile(cells, 0.99)[0, 0] == CLIENT_EDGES[-1]


def drawn(build: Callable[[Site], Scene], rate: float, runs: int) -> Minutes:
    rng = np.random.default_rng(6)
    scene = build(Site(rate=rate, runs=runs, rng=rng))
    return minutes(observe(rng, scene, runs, fine=True).cells, scene.share, rng)


@pytest.mark.parametrize("ties", [False, True])
def test_kayenta_asks_whether_the_interval_is_beyond_a_quarter_of_the_difference(*, ties: bool) -> None:
    rng = np.random.default_rng(12)
    canary, control = rng.normal(0.5, 1.0, (200, 30)), rng.normal(0.0, 1.0, (200, 30))
    if ties:
        canary, control = canary.round(), control.round()
    for one, other, said in zip(canary, control, higher(canary, control), strict=True):
        quarter = 0.25 * float(np.median(one[:, None] - other[None, :]))
        beyond = stats.mannwhitneyu(one - quarter, other, alternative="greater", method="asymptotic").pvalue < 0.01
        assert said == (beyond and quarter >= 0)


def test_a_fresh_baseline_is_as_large_as_the_candidate_and_part_of_stable() -> None:
    seen = drawn(three, 1000.0, 2)
    sizes = [float(arm["errors"].sum()) for arm in (seen.canary, seen.control, seen.stable)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.03)
    assert sizes[2] == pytest.approx(19 * sizes[0], rel=0.03)
    assert (seen.control["latency"] <= seen.stable["latency"]).all()


def test_looking_again_and_again_finds_what_isnt_there() -> None:
    seen = drawn(three, 300.0, 60)
    rolled_back = {name: float(np.isfinite(rule(seen)).mean()) for name, rule in RULES.items()}
    assert rolled_back["KS p<.05"] > 0.1
    assert rolled_back["KS p<.05"] >= rolled_back["KS p<.01"]
