"""Simulated requests are what their scene says."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks import judge_families as families
from benchmarks import judge_scenes as scenes
from benchmarks.judge_cells import EDGES
from benchmarks.judge_families import outages
from benchmarks.judge_rows import CASES
from benchmarks.judge_run import BATCH, Task, each, simulate, tasks
from benchmarks.judge_scenes import Site, stall_shares, three
from benchmarks.judge_shapes import cells, normal_scores, slower, stretched, web
from benchmarks.judge_traffic import POLLS, Scene, Sizes, observe


def site(rate: float = 1000.0, runs: int = 20, seed: int = 1) -> Site:
    return Site(rate=rate, runs=runs, rng=np.random.default_rng(seed))


@pytest.mark.parametrize(("ms", "share"), [(107.6, 0.5), (245.8, 0.05), (400.0, 0.01)])
def test_the_web_has_its_quantiles(ms: float, share: float) -> None:
    assert float(web(np.array(ms))) == pytest.approx(share, rel=0.01)


def test_a_stretched_tail_leaves_everything_below_p95_alone() -> None:
    longer = stretched(1.5)
    assert float(longer(np.array(600.0))) == pytest.approx(0.01, rel=1e-6)
    assert float(longer(np.array(200.0))) == float(web(np.array(200.0)))


def test_slower_answers_are_the_same_answers_later() -> None:
    assert float(slower(web, 1.2, 2.0)(np.array(1.2 * 300 + 2))) == pytest.approx(float(web(np.array(300.0))))


def test_shares_of_cells_add_up_to_one_for_every_factor() -> None:
    found = cells(web, np.array([0.5, 1.0, 4.0]))
    assert found.shape == (3, len(EDGES) + 1)
    assert found.sum(axis=1) == pytest.approx(1.0)
    assert normal_scores(0.3).sum() == pytest.approx(1.0)


def test_the_score_on_promotes_edge_moves_five_percent_of_all() -> None:
    moved = np.abs(np.cumsum(normal_scores(0.12566)) - np.cumsum(normal_scores())).max()
    assert moved == pytest.approx(0.05, abs=1e-4)


def test_bursts_have_their_variance() -> None:
    sizes = Sizes(mean=4, most=20)
    drawn = sizes.clusters(np.random.default_rng(2), np.full(40_000, 50.0))
    events = np.tensordot(np.arange(1, 21), drawn, 1)
    assert events.mean() == pytest.approx(50.0, rel=0.02)
    assert events.var() / events.mean() == pytest.approx(6.65, rel=0.05)


def test_pods_stall_as_often_and_as_long_as_said() -> None:
    found = stall_shares(np.random.default_rng(3), (50, 20), per_hour=6.0, seconds=5.0)
    assert found.max() <= 1.0
    assert found.mean() == pytest.approx(30 / 3600, rel=0.05)


def test_a_dependency_is_away_as_often_as_its_two_states_say() -> None:
    found = outages(np.random.default_rng(4), 400, well=900.0, ill=45.0)
    assert found.shape == (400, POLLS)
    assert found.mean() == pytest.approx(45 / 945, rel=0.1)


@pytest.mark.parametrize(
    "build",
    [
        three,
        scenes.bursts,
        scenes.stalls,
        scenes.uneven_pods,
        scenes.ramped,
        scenes.daily,
        scenes.other_world,
        families.cache_and_classifier,
        families.shared_dependency,
        families.restless_minutes,
        families.drifting_classes,
        families.batch_clients,
    ],
)
def test_where_both_arms_are_the_same_their_events_are_equally_frequent(build: Callable[[Site], Scene]) -> None:
    here = site(rate=3000.0)
    for seen in observe(here.rng, build(here), here.runs).metrics:
        shares = seen.stable.events / seen.stable.requests[..., None]  # poll by poll, because the share may grow
        expected = (seen.canary.requests[..., None] * shares).sum(axis=1)
        assert np.median(seen.canary.events.sum(axis=1) / expected, axis=0) == pytest.approx(1.0, abs=0.15)


def test_merged_cells_and_all_cells_are_counted_alike() -> None:
    coarse, fine = (observe(site().rng, three(site()), 20, fine=fine) for fine in (False, True))
    for one, other in zip(coarse.metrics, fine.metrics, strict=True):
        assert one.channels == other.channels
        shares = [seen.stable.events.sum(axis=(0, 1)) / seen.stable.requests.sum() for seen in (one, other)]
        assert shares[0] == pytest.approx(shares[1], rel=0.02)


def test_the_same_seed_gives_the_same_hours_whatever_else_is_run() -> None:
    case = next(case for case in CASES if case.row == "B8")
    first, again = (simulate(case, Task(case=place, batch=2, runs=5, seed=7)) for place in (0, 30))
    assert first.refused.tolist() == again.refused.tolist()
    other = simulate(case, Task(case=0, batch=3, runs=5, seed=7))
    assert other.refused.tolist() != first.refused.tolist() or case.rate > 1000


def test_batches_make_up_all_runs() -> None:
    assert [task.runs for task in tasks(0, 2 * BATCH + 7, seed=1)] == [BATCH, BATCH, 7]
    assert len({task.batch for task in tasks(0, 500, seed=1)}) == 500 // BATCH


def test_every_row_of_the_list_is_there() -> None:
    assert {case.row for case in CASES} == {f"B{number}" for number in range(1, 15)}


def test_two_processes_find_what_one_finds_case_by_case() -> None:
    todo = [Task(case=case, batch=batch, runs=2, seed=5) for case in (3, 1) for batch in range(2)]
    alone, pooled = ([(case, found) for case, found in each(drawn_number, todo, count)] for count in (1, 2))
    assert [case for case, _ in alone] == [3, 1]
    assert alone == pooled
    assert len({number for _, found in alone for number in found}) == 4


def drawn_number(task: Task) -> float:
    return float(task.rng(task.case).random())
