"""Canaries that never ran: how a policy would decide at a given traffic, by drawn numbers through the judge itself."""

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from towpath.core.canary import Advance, CanaryStep, Hold, Situation, decide
from towpath.core.canary_policy import CanaryPolicy, judge_policy
from towpath.core.judge import Channel, Counts, Poll, Reference, Verdict, start, step, verdict
from towpath.core.judge.channels import Failed, Own, SlowerThan, Tallied
from towpath.core.traffic import Traffic

_ALL: Final = 100
_BEFORE: Final = 600.0  # seconds of stable's past that the judge knows
_FEW: Final = 30.0  # expected events up to which they are drawn one by one


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """How a candidate differs from stable.

    Attributes:
        name: what it is called in the answer.
        errors: share of its requests that fail beyond stable's.
        slower: factor of its latency.
        moved: share of its predictions that moved upwards, at stable's median.
        begins: seconds of the canary in which it doesn't differ yet.
        own: a metric of the user's own that is worse; empty for none.
        beyond: so many times as far from stable's rate as that metric's margin for *promote*.
    """

    name: str
    errors: float = 0.0
    slower: float = 1.0
    moved: float = 0.0
    begins: float = 0.0
    own: str = ""
    beyond: float = 0.0


_STABLE: Final = Candidate(name="like stable")

CANDIDATES: Final = (
    _STABLE,
    Candidate(name="1 point more errors", errors=0.01),
    Candidate(name="5 points more errors", errors=0.05),
    Candidate(name="1.2 times slower", slower=1.2),
    Candidate(name="1.5 times slower", slower=1.5),
    Candidate(name="5 % of predictions moved", moved=0.05),
    Candidate(name="10 % of predictions moved", moved=0.1),
)


def candidates(policy: CanaryPolicy) -> tuple[Candidate, ...]:
    """Those that a policy is worth trying with."""
    own = (
        Candidate(name=f"{metric.name} {times:g} times as far as its promote margin", own=metric.name, beyond=times)
        for metric in policy.own
        for times in (1.5, 3.0)
    )
    return (*CANDIDATES, *own)


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """How one canary ended, or came beyond 50 %: what the judge said, and after how many seconds."""

    said: Verdict
    seconds: float


def run(policy: CanaryPolicy, plan: Sequence[CanaryStep], traffic: Traffic, candidate: Candidate, seed: int) -> Run:
    """One canary, decided at each look as the driver decides; the same seed gives the same numbers."""
    drawn = _Draws(random.Random(seed), traffic, candidate, policy.probes)  # noqa: S311 - a simulation
    judge = start(replace(judge_policy(policy), channels=traffic.channels), drawn.reference())
    now = Situation(
        step=0, elapsed=0.0, step_elapsed=0.0, step_polls=0, step_requests=0, silent=0.0, verdict=verdict(judge)
    )
    while True:
        poll = drawn.poll(now.elapsed + policy.poll, plan[now.step], policy.poll)
        judge = step(judge, poll)
        now = _looked(now, poll, policy.poll, verdict(judge))
        decision = decide(policy, plan, now)
        if isinstance(decision, Advance) and not decision.to.needs_promote:
            now = replace(now, step=now.step + 1, step_elapsed=0.0, step_polls=0, step_requests=0)
        elif not isinstance(decision, Hold):
            return Run(said=now.verdict, seconds=now.elapsed)


def _looked(before: Situation, poll: Poll, seconds: float, said: Verdict) -> Situation:
    return replace(
        before,
        elapsed=poll.elapsed,
        step_elapsed=before.step_elapsed + seconds,
        step_polls=before.step_polls + poll.has_both,
        step_requests=before.step_requests + poll.canary_requests,
        verdict=said,
    )


class _Draws:
    """Numbers of requests and events of both arms; of probes as many are sent to each, so many a second."""

    def __init__(self, rng: random.Random, traffic: Traffic, candidate: Candidate, probes: float = 0.0) -> None:
        self._rng = rng
        self._traffic = traffic
        self._candidate = candidate
        self._probes = probes

    def reference(self) -> Reference:
        """What stable did before."""
        requests = self._poisson(self._traffic.requests_per_second * _BEFORE)
        events = self._events(requests, _STABLE)
        own = self._own(self._traffic.requests_per_second * _BEFORE, _STABLE)
        return Reference(seconds=_BEFORE, live={name: (count, requests) for name, count in events.items()} | own)

    def poll(self, elapsed: float, now: CanaryStep, seconds: float) -> Poll:
        """What a look would find."""
        expected = self._traffic.requests_per_second * seconds
        parts = now.traffic / _ALL, 1 - now.traffic / _ALL
        canary, stable = (self._poisson(expected * part) for part in parts)
        candidate = self._candidate if elapsed > self._candidate.begins else _STABLE
        live, probes = self._counts(canary, stable, candidate), round(self._probes * seconds)
        # the user's own metrics leave probes out
        own = self._own(expected * parts[0], candidate), self._own(expected * parts[1], _STABLE)
        probe = self._counts(probes, probes, candidate) if probes else {}
        return Poll(elapsed=elapsed, live=live | _paired(*own), probe=probe, load_ratio=now.load_ratio)

    def _counts(self, canary: int, stable: int, candidate: Candidate) -> dict[str, Counts]:
        """Events in so many requests of each arm."""
        worse, same = self._events(canary, candidate), self._events(stable, _STABLE)
        return {
            name: Counts(
                canary_events=worse[name],
                canary_requests=canary,
                stable_events=same[name],
                stable_requests=stable,
            )
            for name in worse
        }

    def _events(self, requests: int, arm: Candidate) -> dict[str, int]:
        """By channel; what is above a higher edge is drawn from what is above the lower one."""
        found: dict[str, int] = {}
        for group in _groups(self._traffic.channels):
            left, share = requests, 1.0
            for channel in group:
                rate = min(self._rate(channel, arm), share)
                left, share = self._binomial(left, rate / share if share else 0.0), rate
                found[channel.name] = left
        for channel in self._traffic.channels:
            if isinstance(channel.event, Tallied) and channel.event.complement:
                found[channel.name] = requests - found.get(channel.event.kind.spoken, 0)
        return found

    def _own(self, requests: float, arm: Candidate) -> dict[str, tuple[int, int]]:
        """Events and cases of the user's own metrics in so many expected requests."""
        own = [channel for channel in self._traffic.channels if isinstance(channel.event, Own)]
        cases = {one.name: self._poisson(requests * self._traffic.cases_per_request(one.name)) for one in own}
        return {one.name: (self._binomial(cases[one.name], self._rate(one, arm)), cases[one.name]) for one in own}

    def _rate(self, channel: Channel, arm: Candidate) -> float:
        stable = self._traffic.rates[channel.name]
        match channel.event:
            case Failed():
                return min(1.0, stable + arm.errors)
            case SlowerThan(edge=edge):
                curve = self._traffic.curve
                return stable if curve is None or arm.slower == 1 else curve.share_above(edge / arm.slower)
            case Tallied():
                return min(1.0, stable + 4 * arm.moved * stable * (1 - stable))
            case Own():
                return _own_rate(channel, stable, arm)

    def _binomial(self, n: int, p: float) -> int:
        if p > 0.5:  # noqa: PLR2004 - the rarer of both outcomes is drawn
            return n - self._binomial(n, 1 - p)
        if n * p > _FEW:
            return min(n, max(0, round(self._rng.gauss(n * p, math.sqrt(n * p * (1 - p))))))
        return sum(1 for _ in self._hits(n, p))

    def _hits(self, n: int, p: float) -> Iterator[int]:
        """Places of the successes among `n` trials, by the gaps between them."""
        place = 0
        while p > 0:
            place += 1 + int(math.log(1 - self._rng.random()) / math.log(1 - p))
            if place > n:
                return
            yield place

    def _poisson(self, mean: float) -> int:
        if mean > _FEW:
            return max(0, round(self._rng.gauss(mean, math.sqrt(mean))))
        product, count = self._rng.random(), 0
        while product > math.exp(-mean):
            product *= self._rng.random()
            count += 1
        return count


def _own_rate(channel: Channel, stable: float, arm: Candidate) -> float:
    if arm.own != channel.name:
        return stable
    bad = stable if channel.more_is == "worse" else 1 - stable
    worse = min(1.0, bad + arm.beyond * (channel.promote.canary_rate(bad) - bad))
    return worse if channel.more_is == "worse" else 1 - worse


def _paired(canary: Mapping[str, tuple[int, int]], stable: Mapping[str, tuple[int, int]]) -> dict[str, Counts]:
    return {
        name: Counts(
            canary_events=canary[name][0],
            canary_requests=canary[name][1],
            stable_events=events,
            stable_requests=cases,
        )
        for name, (events, cases) in stable.items()
    }


def _groups(channels: Sequence[Channel]) -> Iterator[list[Channel]]:
    """Channels whose events lie within each other, the most frequent first; complements aren't drawn."""
    yield [channel for channel in channels if isinstance(channel.event, Failed)]
    slow = [(channel.event.edge, channel) for channel in channels if isinstance(channel.event, SlowerThan)]
    yield [channel for _, channel in sorted(slow, key=lambda one: one[0])]
    tallied = [channel for channel in channels if isinstance(channel.event, Tallied) and not channel.event.complement]
    kinds = {channel.name: channel.event.kind for channel in tallied if isinstance(channel.event, Tallied)}
    for output in dict.fromkeys(kind.output for kind in kinds.values() if kind.above is not None):
        own = [
            channel for channel in tallied if (kinds[channel.name].output, kinds[channel.name].label) == (output, "")
        ]
        yield sorted(own, key=lambda channel: kinds[channel.name].above or 0.0)
    yield from ([channel] for channel in tallied if kinds[channel.name].label)
