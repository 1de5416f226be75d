"""Seeded traffic for the judge: polls as a router would have counted them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np

from towpath.core.judge import ERRORS, Channel, Counts, JudgePolicy, JudgeState, Poll, Reference, start, step

POLL = 10.0
REFERENCE = Reference(seconds=600.0, live={"errors": (60, 60_000)}, probe={"errors": (3, 3_000)})
LATENCY: Channel = replace(
    ERRORS, name="slow", metric="latency", waits_for_warm_up=True, depends_on_load=True, is_failure=False
)

Rate = float | Callable[[float], float]


def at(rate: Rate, elapsed: float) -> float:
    return rate(elapsed) if callable(rate) else rate


def draw(rng: np.random.Generator, per_second: float, rate: float) -> tuple[int, int]:
    """Events and requests of one arm in one poll."""
    requests = int(rng.poisson(per_second * POLL))
    return int(rng.binomial(requests, rate)), requests


def counts(canary: tuple[int, int], stable: tuple[int, int]) -> Counts:
    return Counts(
        canary_events=canary[0], canary_requests=canary[1], stable_events=stable[0], stable_requests=stable[1]
    )


def traffic(
    rng: np.random.Generator, *, polls: int, rps: float, canary: Rate, stable: Rate, share: Rate = 0.05
) -> Iterator[Poll]:
    """Polls of live traffic at `rps` requests per second in total."""
    for place in range(polls):
        now = (place + 1) * POLL
        part = at(share, now)
        seen = counts(
            draw(rng, rps * part, at(canary, now)),
            draw(rng, rps * (1 - part), at(stable, now)),
        )
        yield Poll(elapsed=now, live={ERRORS.name: seen})


def fold(policy: JudgePolicy, polls: Iterable[Poll], reference: Reference = REFERENCE) -> JudgeState:
    state = start(policy, reference)
    for poll in polls:
        state = step(state, poll)
    return state


def refused_after(policy: JudgePolicy, polls: Iterable[Poll], reference: Reference = REFERENCE) -> float | None:
    """Seconds until the candidate is refused; None when it never is."""
    state = start(policy, reference)
    for poll in polls:
        state = step(state, poll)
        if state.refused is not None:
            return poll.elapsed
    return None


def slow_polls(policy: JudgePolicy, load_ratio: float | None, *, slow: int = 60, begin: float = 0.0) -> JudgeState:
    """After ten polls in which `slow` of the candidate's 100 answers and 100 of stable's 1,000 were slow."""
    seen = {"slow": counts((slow, 100), (100, 1000))}
    reference = Reference(seconds=600.0, live={"slow": (6000, 60_000)})
    polls = [Poll(elapsed=begin + POLL * n, live=seen, load_ratio=load_ratio) for n in range(1, 11)]
    return fold(policy, polls, reference)
