"""The twin held against the judge itself: the same polls, one by one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.judge_twin import Arm, Seen, Twin
from towpath.core.judge import Counts, JudgePolicy, JudgeState, Poll, Reference, start, step, verdict
from towpath.core.judge.alarms import evidence_against


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One canary judged by both.

    Attributes:
        off_against: largest difference in log evidence against the candidate, over polls and metrics.
        off_in_favour: the same in its favour, over polls and channels.
        refused: the poll, counted from 1, of the refusal: the judge's, the twin's; 0: none.
        promoted: the same of the first *promote*, where it came before any refusal.
    """

    off_against: float
    off_in_favour: float
    refused: tuple[int, int]
    promoted: tuple[int, int]

    @property
    def agree(self) -> bool:
        """Whether both said the same at the same polls."""
        return self.refused[0] == self.refused[1] and self.promoted[0] == self.promoted[1]


def poll(policy: JudgePolicy, metrics: Sequence[Seen], run: int, place: int) -> Poll:
    """One poll of one run as the judge reads it; replicas of both arms have the same load."""
    live = {
        channel.name: Counts(
            canary_events=int(seen.canary.events[run, place, column]),
            canary_requests=int(seen.canary.requests[run, place]),
            stable_events=int(seen.stable.events[run, place, column]),
            stable_requests=int(seen.stable.requests[run, place]),
        )
        for seen in metrics
        for column, channel in enumerate(seen.channels)
    }
    return Poll(elapsed=(place + 1) * policy.poll, live=live, load_ratio=1.0)


def reference(metrics: Sequence[Seen]) -> Reference:
    """Stable's past."""
    live = {
        channel.name: (int(events), int(seen.past[1]))
        for seen in metrics
        for channel, events in zip(seen.channels, seen.past[0], strict=True)
    }
    return Reference(seconds=metrics[0].past_seconds, live=live)


def compare(policy: JudgePolicy, metrics: Sequence[Seen], run: int) -> Compared:
    """Judge one run by both until the judge refuses or the polls end."""
    alone = [_only(seen, run) for seen in metrics]
    state, twin = start(policy, reference(alone)), Twin(policy, alone)
    against, in_favour, promoted = 0.0, 0.0, 0
    for place in range(alone[0].polls):
        state = step(state, poll(policy, alone, 0, place))
        twin.step()
        against = max(against, float(np.abs(twin.evidence()[0] - evidence_against(state)).max()))
        in_favour = max(in_favour, float(np.abs(twin.in_favour()[0] - _best(state)).max()))
        if state.refused is not None:
            break
        promoted = promoted or (twin.place if verdict(state).kind == "promote" else 0)
    refused = twin.place if state.refused is not None else 0
    allowed = int(twin.promoted[0]) if int(twin.promoted[0]) != refused else 0
    return Compared(
        off_against=against,
        off_in_favour=in_favour,
        refused=(refused, int(twin.refused[0])),
        promoted=(promoted, allowed),
    )


def worst(found: Sequence[Compared]) -> float:
    """The largest difference of all; infinite where any of them disagree."""
    if not all(one.agree for one in found):
        return math.inf
    return max(max(one.off_against, one.off_in_favour) for one in found)


def _only(seen: Seen, run: int) -> Seen:
    keep = slice(run, run + 1)
    arms = [Arm(events=arm.events[keep], requests=arm.requests[keep]) for arm in (seen.canary, seen.stable)]
    return Seen(channels=seen.channels, canary=arms[0], stable=arms[1], past=seen.past, past_seconds=seen.past_seconds)


def _best(state: JudgeState) -> list[float]:
    return [kept.best for kept in state.channels]
