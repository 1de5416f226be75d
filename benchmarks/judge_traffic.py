"""Simulated requests: which cell each one falls into, and what the judge counts of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.judge_cells import Array, Counts, Metric, Outcomes, Ruler, policy_of
from benchmarks.judge_twin import Arm, Seen
from towpath.core.judge import Channel, JudgePolicy

POLL: Final = 10.0  # seconds
POLLS: Final = 360  # an hour
TIMES: Final = (np.arange(POLLS) + 0.5) * POLL
"""The middle of each poll, in seconds."""
PAST: Final = 600.0  # seconds of stable alone before the canary

Side = Literal["canary", "stable"]


class Fates(Protocol):
    """What becomes of requests in one metric."""

    @property
    def ruler(self) -> Ruler:
        """What the cells are."""

    def usual(self) -> Array:
        """Stable's shares of the cells before the canary."""

    def draw(self, rng: np.random.Generator, side: Side, requests: Counts, merge: Array) -> Counts:
        """Counts by run, poll and merged cell; `merge` says into which of those (columns) each cell (row) goes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Independent:
    """Every request has its own fate; shares of the cells, by poll or by run and poll where they change."""

    ruler: Ruler
    canary: Array
    stable: Array

    def usual(self) -> Array:
        """As at the first poll, over all runs."""
        first = np.atleast_2d(self.stable)[..., 0, :]
        found: Array = first.reshape(-1, first.shape[-1]).mean(axis=0)
        return found

    def draw(self, rng: np.random.Generator, side: Side, requests: Counts, merge: Array) -> Counts:
        """One draw for all requests of a poll."""
        return spread(rng, requests, (self.canary if side == "canary" else self.stable) @ merge)


def spread(rng: np.random.Generator, requests: Counts, shares: Array) -> Counts:
    """So many requests over cells of these shares."""
    return rng.multinomial(requests, shares / shares.sum(axis=-1, keepdims=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How large clusters are: geometric, cut off at `most` requests."""

    mean: float
    most: int

    def shares(self) -> Array:
        """Of clusters of 1, 2, ... requests."""
        weights = (1 - 1 / self.mean) ** np.arange(self.most)
        found: Array = weights / weights.sum()
        return found

    def clusters(self, rng: np.random.Generator, requests: npt.NDArray[np.floating[Any]]) -> Counts:
        """How many clusters of each size make up about so many requests; size is the first axis."""
        shares = self.shares()
        average = float(shares @ np.arange(1, self.most + 1))
        found: Counts = rng.poisson(np.multiply.outer(shares / average, requests))
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Bursts:
    """Failed requests come in clusters: retries, one bad client. Shares of all requests that fail."""

    canary: float
    stable: float
    sizes: Sizes

    @property
    def ruler(self) -> Ruler:
        """Answered, failed."""
        return Outcomes()

    def usual(self) -> Array:
        """Shares don't change."""
        return np.array([1 - self.stable, self.stable])

    def draw(self, rng: np.random.Generator, side: Side, requests: Counts, merge: Array) -> Counts:
        """Failures, never more than requests, and the rest."""
        share = self.canary if side == "canary" else self.stable
        clusters = self.sizes.clusters(rng, requests * share)
        failed = np.minimum(np.tensordot(np.arange(1, self.sizes.most + 1), clusters, 1), requests)
        cells: Counts = (np.stack([requests - failed, failed], axis=-1) @ merge).astype(np.int64)
        return cells


@dataclass(frozen=True, kw_only=True, slots=True)
class Batches:
    """Requests come in batches, and all of one batch share one fate: one payload, one client, one connection."""

    fates: Independent
    sizes: Sizes

    @property
    def ruler(self) -> Ruler:
        """As of single requests."""
        return self.fates.ruler

    def usual(self) -> Array:
        """As of single requests."""
        return self.fates.usual()

    def draw(self, rng: np.random.Generator, side: Side, requests: Counts, merge: Array) -> Counts:
        """One draw for all batches of a size."""
        clusters = self.sizes.clusters(rng, requests.astype(np.float64))
        drawn = (self.fates.draw(rng, side, of_size, merge) for of_size in clusters)
        found: Counts = np.stack([size * cells for size, cells in enumerate(drawn, start=1)]).sum(axis=0)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Canaries of one kind.

    Attributes:
        rate: requests per second of both arms together.
        fates: one entry per metric.
        share: of the requests that the candidate gets, by poll.
        load: factor on the rate, by poll or by run and poll.
        onset: seconds; when a regression begins.
        past_seconds: of stable alone before the canary.
    """

    rate: float
    fates: tuple[Fates, ...]
    share: Array
    load: Array
    onset: float = 0.0
    past_seconds: float = PAST


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Many canaries on one site, as counted.

    Attributes:
        metrics: for the judge.
        cells: for other rules, where they were asked for: the candidate's and stable's, by metric.
    """

    metrics: tuple[Seen, ...]
    cells: dict[Metric, tuple[Counts, Counts]]

    def policy(self, warm_up: float = 0.0) -> JudgePolicy:
        """Our defaults with the channels this site has."""
        return policy_of(tuple(channel for seen in self.metrics for channel in seen.channels), warm_up)


def observe(rng: np.random.Generator, scene: Scene, runs: int, *, fine: bool = False) -> Traffic:
    """Draw so many canaries on one site, whose past chooses the channels; `fine` keeps every cell."""
    requests = [
        rng.poisson(np.broadcast_to(scene.rate * POLL * scene.load * share, (runs, POLLS)))
        for share in (scene.share, 1 - scene.share)
    ]
    seen: list[Seen] = []
    cells: dict[Metric, tuple[Counts, Counts]] = {}
    for fates in scene.fates:
        metric, counted = _count(rng, (scene, fates), requests, fine=fine)
        seen.append(metric)
        cells[fates.ruler.metric] = counted
    return Traffic(metrics=tuple(seen), cells=cells if fine else {})


def _count(
    rng: np.random.Generator, what: tuple[Scene, Fates], requests: Sequence[Counts], *, fine: bool
) -> tuple[Seen, tuple[Counts, Counts]]:
    scene, fates = what
    past = spread(rng, np.array(round(scene.rate * scene.past_seconds)), fates.usual())
    channels = fates.ruler.channels(past)
    counted = _counted(fates.ruler, channels)
    merge, patterns = (np.eye(len(counted)), counted) if fine else _merged(counted)
    canary = fates.draw(rng, "canary", requests[0], merge)
    stable = fates.draw(rng, "stable", requests[1], merge)
    seen = Seen(
        channels=channels,
        canary=_arm(canary, patterns),
        stable=_arm(stable, patterns),
        past=(past @ counted, float(past.sum())),
        past_seconds=scene.past_seconds,
    )
    return seen, (canary, stable)


def _counted(ruler: Ruler, channels: Sequence[Channel]) -> Array:
    """Which cells (rows) each channel (column) counts."""
    return np.stack([ruler.events(channel) for channel in channels], axis=1)


def _merged(counted: Array) -> tuple[Array, Array]:
    """Cells that no channel tells apart become one: where each goes, and what the channels count of them."""
    patterns, place = np.unique(counted, axis=0, return_inverse=True)
    return np.eye(len(patterns))[place], patterns


def _arm(cells: Counts, patterns: Array) -> Arm:
    return Arm(events=cells @ patterns, requests=cells.sum(axis=-1).astype(np.float64))
