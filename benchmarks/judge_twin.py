"""The judge for many canaries at once, in numpy, so that thousands of hours can be simulated.

It follows `towpath.core.judge` rule by rule for users' requests, channels that are there from the first poll, and
replicas under equal load; a test holds it against the judge itself, poll by poll. One thing differs on purpose: what
speaks for a candidate is still counted after it was refused, so that the two can be looked at apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from benchmarks.judge_evalue import Array, Edges, Mask, Now, lifted, log_e
from towpath.core.judge import Channel, JudgePolicy
from towpath.core.judge.alarms import bound_against, planned_polls
from towpath.core.judge.bets import IN_FAVOUR, known_rates

Polls = npt.NDArray[np.int64]
Until = Literal["end", "refused", "decided"]
_FADE: Final = 0.5 ** (1 / 30)
_KNOWN: Final = 20
_FULL: Final = 1 - 1e-6
_TOO_COMMON: Final = 0.99
_ALIKE: Final = 0.5
_REFERENCE_POLLS: Final = 60
_ROUNDING: Final = 1e-12


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """Counts of one arm: events by run, poll and channel; requests by run and poll."""

    events: Array
    requests: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One metric in many canaries.

    Attributes:
        channels: what is counted; all of one metric, with the same lifts, and counting what is bad.
        canary: the candidate's counts.
        stable: stable's.
        past: stable's events, one per channel, and requests before the canary.
        past_seconds: how long that was.
    """

    channels: tuple[Channel, ...]
    canary: Arm
    stable: Arm
    past: tuple[Array, float]
    past_seconds: float

    @property
    def runs(self) -> int:
        """How many canaries."""
        return len(self.canary.requests)

    @property
    def polls(self) -> int:
        """How long each is."""
        return int(self.canary.requests.shape[1])

    def at(self, place: int) -> Now:
        """One poll."""
        return Now(
            canary_events=self.canary.events[:, place, :, None],
            canary_requests=self.canary.requests[:, place, None, None],
            stable_events=self.stable.events[:, place, :, None],
            stable_requests=self.stable.requests[:, place, None, None],
        )


class Bets:
    """What the judge keeps of one metric."""

    def __init__(self, policy: JudgePolicy, seen: Seen) -> None:
        channels, shape = seen.channels, (seen.runs, len(seen.channels))
        self.seen, self._policy = seen, policy
        self._planned = planned_polls(policy, channels[0])
        self._waits = channels[0].waits_for_warm_up
        self._lifts = np.array(channels[0].lifts)
        self._rollback = Edges.of([channel.rollback for channel in channels])
        self._promote = Edges.of([channel.promote for channel in channels])
        share = min(1.0, _REFERENCE_POLLS * policy.poll / seen.past_seconds)
        self._events = np.tile(seen.past[0] * share, (seen.runs, 1))[..., None]
        self._requests = np.full((*shape, 1), seen.past[1] * share)
        began = [known_rates(policy, (float(one) * share, seen.past[1] * share)) for one in seen.past[0]]
        self._began = np.array(began).T[..., None]
        self._stakes = np.log(np.array([channel.stakes for channel in channels]))
        self._plain = np.tile(self._stakes, (seen.runs, 1, 1))
        self._restarted = np.full(self._plain.shape, -math.inf)
        self._favour = np.zeros((*shape, len(IN_FAVOUR)))
        self._polls = 0
        self.best = np.zeros(shape)

    def step(self, place: int, alike: Mask) -> None:
        """One more poll; bets use only what was known before it."""
        now = self.seen.at(place)
        if not (self._waits and (place + 1) * self._policy.poll < self._policy.warm_up):
            rate = np.clip((self._events + 0.5) / (self._requests + 1), 1e-7, 1 - 1e-6)
            useful = now.both & (self._requests >= _KNOWN)
            with np.errstate(divide="ignore", invalid="ignore"):
                self._accuse(now, rate, useful, alike[:, None, None])
                self._acquit(now, rate, useful, alike[:, None, None])
        self._learn(now)

    def _accuse(self, now: Now, rate: Array, useful: Mask, alike: Mask) -> None:
        bound = self._rollback.canary_rate(rate)
        gain = log_e(now, (lifted(bound, self._lifts), rate), self._rollback) / self._policy.dispersion
        gain = np.where(useful & (bound < _TOO_COMMON), np.minimum(gain, math.log(self._policy.cap)), 0.0)
        gain = np.where(alike, np.minimum(gain, 0.0), gain)
        fresh = self._stakes - math.log(self._planned) if self._polls < self._planned else -math.inf
        self._plain += gain
        self._restarted = np.logaddexp(self._restarted, fresh) + gain
        self._polls += 1

    def _acquit(self, now: Now, rate: Array, useful: Mask, alike: Mask) -> None:
        low, high = (self._promote.canary_rate(one) for one in self._began)
        full = self._promote.canary_rate(rate) >= 1
        rate = np.where(full, (_FULL - self._promote.d) / self._promote.r0, rate)
        bound = self._promote.canary_rate(rate)
        guess = rate + np.array(IN_FAVOUR) * (bound - rate)
        gain = log_e(now, (guess, rate), self._promote) / self._policy.dispersion
        gain = np.where(useful & (~full | ((low < 1) & (high >= 1))), gain, 0.0)
        self._favour += np.where(alike, np.minimum(gain, 0.0), gain)
        sure = (useful & full & (low >= 1) & ~alike)[..., 0]
        self.best = np.maximum(self.best, _log_sum(self._favour, (2,)) - math.log(len(IN_FAVOUR)))
        self.best = np.where(sure, np.maximum(self.best, -math.log(self._policy.beta)), self.best)

    def _learn(self, now: Now) -> None:
        heard = now.stable_requests > 0
        self._events = np.where(heard, self._events * _FADE + now.stable_events, self._events)
        self._requests = np.where(heard, self._requests * _FADE + now.stable_requests, self._requests)

    def evidence(self) -> Array:
        """Log evidence against each candidate."""
        if not self._polls:
            return np.zeros(len(self._plain))
        staked = _log_sum(self._stakes, (0, 1))
        restarted = _log_sum(self._restarted, (1, 2)) - staked
        unspent = 1 - self._polls / self._planned
        if unspent > _ROUNDING:
            restarted = np.logaddexp(restarted, math.log(unspent))
        found: Array = np.logaddexp(_log_sum(self._plain, (1, 2)) - staked, restarted) - math.log(2)
        return found


def _log_sum(values: Array, axes: tuple[int, ...]) -> Array:
    high = values.max(axis=axes, keepdims=True)
    found: Array = np.log(np.exp(values - high).sum(axis=axes)) + high.squeeze(axes)
    return found


class Twin:
    """The judge of many canaries, poll by poll.

    Attributes:
        place: polls so far.
        refused: the poll, counted from 1, at which each candidate was refused; 0: never.
        promoted: the first poll at which the judge would have said *promote*; 0: never.
    """

    def __init__(self, policy: JudgePolicy, metrics: Sequence[Seen]) -> None:
        runs = metrics[0].runs
        self._policy, self._bound = policy, bound_against(policy)
        self.bets = [Bets(policy, seen) for seen in metrics]
        self.place, self._useful = 0, np.zeros(runs)
        self.refused, self.promoted = np.zeros(runs, np.int64), np.zeros(runs, np.int64)
        self._unsettled, self._beyond = np.zeros(runs), np.zeros(runs)
        self._asked = np.zeros((len(metrics), runs))

    def step(self) -> None:
        """Judge one more poll."""
        alike, beyond = np.zeros(len(self.refused), bool), np.zeros(len(self.refused), bool)
        for bets in self.bets:
            if bets.seen.channels[0].is_failure:
                now = bets.seen.at(self.place)
                alike, beyond = alike | _failing_alike(self._policy, now), beyond | _beyond(self._policy, now)
        for bets in self.bets:
            bets.step(self.place, alike)
        self.place += 1
        self._count(alike, beyond)
        self._decide()

    def evidence(self) -> Array:
        """Log evidence against each candidate, by run and metric."""
        return np.stack([bets.evidence() for bets in self.bets], axis=1)

    def in_favour(self) -> Array:
        """The highest log evidence for each candidate so far, by run and channel."""
        return np.concatenate([bets.best for bets in self.bets], axis=1)

    def _count(self, alike: Mask, beyond: Mask) -> None:
        nows = [bets.seen.at(self.place - 1) for bets in self.bets]
        has_data = np.stack([now.both[:, 0, 0] for now in nows]).any(axis=0)
        self._useful += has_data
        self._asked += np.stack([now.canary_requests[:, 0, 0] for now in nows])
        left = np.maximum(0, self._unsettled - has_data)
        self._unsettled = np.where(alike, self._policy.min_polls, left)
        self._beyond = np.where(beyond, self._beyond + 1, 0)

    def _decide(self) -> None:
        against = (self.evidence() >= self._bound).any(axis=1) | (self._beyond >= self._policy.breaker.polls)
        self.refused[against & (self.refused == 0)] = self.place
        self.promoted[self._may_be_promoted() & (self.promoted == 0)] = self.place

    def _may_be_promoted(self) -> Mask:
        policy, asked = self._policy, self._asked.max(axis=0)
        if self.place * policy.poll < policy.min_time:
            return np.zeros(len(asked), bool)
        shown = (self.in_favour() >= -math.log(policy.beta)).all(axis=1)
        enough = (self._useful >= policy.min_polls) & (asked >= max(policy.min_requests, 1))
        found: Mask = shown & enough & (self._unsettled == 0)
        return found


def _share(events: Array, requests: Array) -> Array:
    found: Array = events / np.maximum(requests, 1.0)
    return found


def _failing_alike(policy: JudgePolicy, now: Now) -> Mask:
    canary, stable = _shares(now)
    enough = np.minimum(now.canary_requests, now.stable_requests) >= policy.breaker.requests
    found: Mask = enough & (np.minimum(canary, stable) >= policy.outage) & (stable >= _ALIKE * canary)
    return found[:, 0, 0]


def _beyond(policy: JudgePolicy, now: Now) -> Mask:
    canary, stable = _shares(now)
    enough = now.canary_requests >= policy.breaker.requests
    found: Mask = enough & (canary >= policy.breaker.share) & (stable < _ALIKE * canary)
    return found[:, 0, 0]


def _shares(now: Now) -> tuple[Array, Array]:
    return _share(now.canary_events, now.canary_requests), _share(now.stable_events, now.stable_requests)


def judge(policy: JudgePolicy, metrics: Sequence[Seen], until: Until = "end") -> Twin:
    """Judge whole hours; stopping once all are refused or decided changes no poll at which any was."""
    twin = Twin(policy, metrics)
    while twin.place < metrics[0].polls and not _settled(twin, until):
        twin.step()
    return twin


def _settled(twin: Twin, until: Until) -> bool:
    refused, promoted = twin.refused > 0, twin.promoted > 0
    return bool((until == "refused" and refused.all()) or (until == "decided" and (refused | promoted).all()))
