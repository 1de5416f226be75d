"""How a good canary would go at a given traffic: expected counts, folded through the judge itself."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from towpath.core.canary import CanaryStep
from towpath.core.canary_policy import CanaryPolicy, judge_policy
from towpath.core.judge import Counts, Poll, Reference, Verdict, start, step, verdict
from towpath.core.traffic import Traffic

_ALL: Final = 100
_MOST_LOOKS: Final = 400  # rarer looks than the policy's change the answer by little and keep a day-long canary cheap
_BEFORE: Final = 600.0  # seconds of stable's past that the judge is taken to know


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What to expect of a candidate that is just like stable.

    Attributes:
        seconds: from its first traffic until the judge says *promote*, or until the canary gives up.
        requests: of the candidate by then, probes included.
        enough: whether the judge says *promote* before `max_time`.
        more: about so many more of its requests would be needed; None where they are enough or nobody can say.
        channel: what keeps the judge waiting; empty where they are enough.
    """

    seconds: float
    requests: int
    enough: bool
    more: int | None = None
    channel: str = ""


def outlook(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep], *, looks: int = _MOST_LOOKS) -> Outlook:
    """How it goes with both arms alike, up to the first step that needs *promote*, in at most so many looks."""
    before = round(traffic.requests_per_second * _BEFORE)
    cases = {name: round(before * traffic.cases_per_request(name)) for name in traffic.rates}
    past = {name: (round(cases[name] * rate), cases[name]) for name, rate in traffic.rates.items()}
    state = start(replace(judge_policy(policy), channels=traffic.channels), Reference(seconds=_BEFORE, live=past))
    for poll in _polls(policy, traffic, plan, looks):
        state = step(state, poll)
        said = verdict(state)
        if said.kind == "promote":
            return Outlook(seconds=poll.elapsed, requests=_seen(said), enough=True)
    said = verdict(state)
    return Outlook(
        seconds=policy.max_time,
        requests=_seen(said),
        enough=False,
        more=said.more_requests,
        channel=said.channel,
    )


def _seen(said: Verdict) -> int:
    return said.live_requests + said.probe_requests


def _polls(policy: CanaryPolicy, traffic: Traffic, plan: Sequence[CanaryStep], looks: int) -> Iterator[Poll]:
    """Looks until `max_time`. Whole requests and events: what is left of one look counts in the next."""
    every = max(policy.poll, policy.max_time / looks)
    live = probe = {channel.name: Counts() for channel in traffic.channels}
    canary = stable = probes = elapsed = 0.0
    while elapsed < policy.max_time:
        elapsed = min(elapsed + every, policy.max_time)
        now = step_at(plan, elapsed)
        canary += traffic.requests_per_second * now.traffic / _ALL * every
        stable += traffic.requests_per_second * (1 - now.traffic / _ALL) * every
        probes += policy.probes * every
        sums = _counts(traffic, canary, stable), _counts(traffic, probes, probes)
        yield Poll(elapsed=elapsed, live=_less(sums[0], live), probe=_less(sums[1], probe), load_ratio=now.load_ratio)
        live, probe = sums


def step_at(plan: Sequence[CanaryStep], elapsed: float) -> CanaryStep:
    """The step while the judge hasn't said *promote*."""
    free = [one for one in plan if not one.needs_promote] or list(plan[:1])
    ends = 0.0
    for one in free:
        ends += one.dwell
        if elapsed <= ends:
            return one
    return free[-1]


def _counts(traffic: Traffic, canary: float, stable: float) -> dict[str, Counts]:
    return {
        channel.name: Counts(
            canary_events=int(canary * cases * traffic.rates[channel.name]),
            canary_requests=int(canary * cases),
            stable_events=int(stable * cases * traffic.rates[channel.name]),
            stable_requests=int(stable * cases),
        )
        for channel in traffic.channels
        for cases in [traffic.cases_per_request(channel.name)]
    }


def _less(now: Mapping[str, Counts], before: Mapping[str, Counts]) -> dict[str, Counts]:
    return {
        name: Counts(
            canary_events=counts.canary_events - before[name].canary_events,
            canary_requests=counts.canary_requests - before[name].canary_requests,
            stable_events=counts.stable_events - before[name].stable_events,
            stable_requests=counts.stable_requests - before[name].stable_requests,
        )
        for name, counts in now.items()
    }
