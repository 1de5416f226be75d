"""Simulating cases in batches, each on a site of its own, on as many processes as are allowed."""

import itertools
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from benchmarks.judge_figures import Hours, Limit
from benchmarks.judge_scenes import Site
from benchmarks.judge_traffic import Scene, observe
from benchmarks.judge_twin import Until, judge

BATCH = 50  # canaries on one site
_Found = TypeVar("_Found")


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """Canaries of one kind, and what their figures must keep.

    Attributes:
        row: of the table.
        name: in words.
        rate: requests per second in total.
        build: the scene.
        limits: none where figures are only told.
        runs: how many canaries, quickly and in full.
        until: when the rest of an hour doesn't matter.
        warm_up: seconds; 0 where the hour begins once the candidate is warm.
        dispersion: as the judge is told.
    """

    row: str
    name: str
    rate: float
    build: Callable[[Site], Scene]
    limits: tuple[Limit, ...] = ()
    runs: tuple[int, int] = (1000, 4000)
    until: Until = "end"
    warm_up: float = 0.0
    dispersion: float = 1.0

    def number(self) -> int:
        """One for each case, for its seeds; the same whatever other cases are run."""
        return zlib.crc32(f"{self.row} {self.name} {self.rate:g}".encode())


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One batch of one case; plain numbers, so that it can be sent to another process."""

    case: int
    batch: int
    runs: int
    seed: int

    def rng(self, number: int) -> np.random.Generator:
        """Chance of its own."""
        return np.random.default_rng([self.seed, number, self.batch])


def tasks(place: int, runs: int, seed: int) -> list[Task]:
    """A case in batches."""
    sizes = [BATCH] * (runs // BATCH) + [runs % BATCH] * bool(runs % BATCH)
    return [Task(case=place, batch=batch, runs=size, seed=seed) for batch, size in enumerate(sizes)]


def simulate(case: Case, task: Task) -> Hours:
    """Draw a batch and judge it."""
    rng = task.rng(case.number())
    scene = case.build(Site(rate=case.rate, runs=task.runs, rng=rng))
    traffic = observe(rng, scene, task.runs)
    policy = replace(traffic.policy(case.warm_up), dispersion=case.dispersion)
    twin = judge(policy, traffic.metrics, case.until)
    return Hours(refused=twin.refused, promoted=twin.promoted, onset=scene.onset)


def together(found: Sequence[Hours]) -> Hours:
    """All batches of a case."""
    return Hours(
        refused=np.concatenate([one.refused for one in found]),
        promoted=np.concatenate([one.promoted for one in found]),
        onset=found[0].onset,
    )


def each(work: Callable[[Task], _Found], todo: Sequence[Task], processes: int) -> Iterator[tuple[int, list[_Found]]]:
    """The results of every case, in order, as soon as all of its batches are done."""
    if processes == 1:
        yield from _grouped(todo, map(work, todo))
        return
    with ProcessPoolExecutor(max_workers=processes) as pool:
        yield from _grouped(todo, pool.map(work, todo))


def _grouped(todo: Sequence[Task], found: Iterator[_Found]) -> Iterator[tuple[int, list[_Found]]]:
    both = zip(todo, found, strict=True)
    for case, group in itertools.groupby(both, key=lambda pair: pair[0].case):
        yield case, [result for _, result in group]
