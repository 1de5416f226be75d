"""How a good canary would go at a given traffic: expected counts, folded through the judge itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from towpath.core.canary import CanaryStep
from towpath.core.canary_policy import CanaryPolicy, judge_policy
from towpath.core.judge import ERRORS, Counts, Poll, Reference, Verdict, start, step, verdict

_ALL: Final = 100
_MOST_LOOKS: Final = 400  # rarer looks than the policy's change the answer by little and keep a day-long canary cheap
_BEFORE: Final = 600.0  # seconds of stable's past that the judge is taken to know


@dataclass(frozen=True, kw_only=True, slots=True)
class Outlook:
    """What to expect of a candidate that fails as often as stable.

    Attributes:
        seconds: from its first traffic until the judge says *promote*, or until the canary gives up.
        requests: of the candidate by then, probes included.
        enough: whether the judge says *promote* before `max_time`.
        more: about so many more of its requests would be needed; None where they are enough or nobody can say.
    """

    seconds: float
    requests: int
    enough: bool
    more: int | None = None


def outlook(policy: CanaryPolicy, requests_per_second: float, base_rate: float, plan: Sequence[CanaryStep]) -> Outlook:
    """How it goes with both arms failing at `base_rate` (0 to 1), up to the first step that needs *promote*."""
    judge = judge_policy(policy)
    known = round(requests_per_second * _BEFORE)
    past = Reference(seconds=_BEFORE, live={ERRORS.name: (round(known * base_rate), known)}, probe={})
    state = start(judge, past)
    for poll in _polls(policy, requests_per_second, base_rate, plan):
        state = step(state, poll)
        said = verdict(state)
        if said.kind == "promote":
            return Outlook(seconds=poll.elapsed, requests=_seen(said), enough=True)
    said = verdict(state)
    return Outlook(seconds=policy.max_time, requests=_seen(said), enough=False, more=said.more_requests)


def _seen(said: Verdict) -> int:
    return said.live_requests + said.probe_requests


def _polls(
    policy: CanaryPolicy, requests_per_second: float, base_rate: float, plan: Sequence[CanaryStep]
) -> Iterator[Poll]:
    """Looks until `max_time`. Whole requests and errors: what is left of one look counts in the next."""
    every = max(policy.poll, policy.max_time / _MOST_LOOKS)
    live, probe = Counts(), Counts()
    canary = stable = probes = elapsed = 0.0
    while elapsed < policy.max_time:
        elapsed = min(elapsed + every, policy.max_time)
        share = _share(plan, elapsed) / _ALL
        canary += requests_per_second * share * every
        stable += requests_per_second * (1 - share) * every
        probes += policy.probes * every
        now = (_counts(canary, stable, base_rate), _counts(probes, probes, base_rate))
        yield Poll(elapsed=elapsed, live={ERRORS.name: _less(now[0], live)}, probe={ERRORS.name: _less(now[1], probe)})
        live, probe = now


def _share(plan: Sequence[CanaryStep], elapsed: float) -> float:
    """Percent of traffic while the judge hasn't said *promote*."""
    free = [one for one in plan if not one.needs_promote] or list(plan[:1])
    ends = 0.0
    for one in free:
        ends += one.dwell
        if elapsed <= ends:
            return one.traffic
    return free[-1].traffic


def _counts(canary: float, stable: float, rate: float) -> Counts:
    return Counts(
        canary_events=int(canary * rate),
        canary_requests=int(canary),
        stable_events=int(stable * rate),
        stable_requests=int(stable),
    )


def _less(now: Counts, before: Counts) -> Counts:
    return Counts(
        canary_events=now.canary_events - before.canary_events,
        canary_requests=now.canary_requests - before.canary_requests,
        stable_events=now.stable_events - before.stable_events,
        stable_requests=now.stable_requests - before.stable_requests,
    )
