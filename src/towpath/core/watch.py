"""A canary's looks, folded: the judge's state and where the step stands. The same looks give the same verdict."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from towpath.core.canary import CanaryPolicy, Situation, judge_policy
from towpath.core.comparison import awaited, due, predicts
from towpath.core.drift_watch import Requests, chance_of_one, in_new_step, looked
from towpath.core.drift_window import Growth
from towpath.core.errors import UsageError
from towpath.core.judge import (
    ERRORS,
    Counts,
    JudgeState,
    extend,
    poll_of,
    reference_of,
    start,
    step,
    verdict,
)
from towpath.core.judge.alarms import refused_by
from towpath.core.load import Load, loaded
from towpath.core.observation import Increments, Observation, increments
from towpath.core.observation_codec import observation_from_json, observation_to_json
from towpath.core.own_counts import OwnGrown, paired, uncounted
from towpath.core.tallies import total_asked

FORMAT: Final = 1
_GAP: Final = 2  # polls
_SHIFT: Final = 20.0  # seconds; a shift of traffic takes two or three, and both shares of so short a span count


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One observation, and the promotion's step it was made in.

    Attributes:
        step: of the promotion.
        observation: what was seen.
        resumed: whether the look before was another driver's, so that nobody knows what traffic there was in between.
    """

    step: int
    observation: Observation
    resumed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """What all looks so far amount to.

    Attributes:
        judge: absent before the first look.
        previous: the newest usable observation; absent when nothing that is seen next can be held against it.
        first_at: when the candidate was looked at first, seconds since the epoch.
        last_at: when an observation was usable last.
        step: the promotion's step of the newest look.
        step_polls: with data in both arms, in that step.
        step_requests: answered by the candidate in that step.
        requests: what users asked.
        served_since: since when stable's counters count, as far as is known; 0: not known.
        predicted: whether stable has counted predictions in any look.
        troubles: why something couldn't be read or doesn't count in the newest look.
        alone: users' requests that stable answered since the candidate answered one, in that step.
        alone_since: when the candidate answered one last, or when that step began.
        own: of the user's own metrics, what one arm counted and the other arm's look is waited for.
        mixed: no look of that step was usable yet, so that the next one still counts some of the step before.
        load: of both arms in that step, from its first whole look on.
    """

    policy: CanaryPolicy
    served_since: float = 0.0
    judge: JudgeState | None = None
    previous: Observation | None = None
    first_at: float = 0.0
    last_at: float = 0.0
    step: int = -1
    step_polls: int = 0
    step_requests: int = 0
    predicted: bool = False
    troubles: tuple[str, ...] = ()
    alone: int = 0
    alone_since: float = 0.0
    requests: Requests = field(default_factory=Requests)
    own: OwnGrown = field(default_factory=OwnGrown)
    mixed: bool = False
    load: Load = field(default_factory=Load)


def watched(policy: CanaryPolicy, served_since: float, looks: Iterable[Look]) -> Watched:
    """Fold all looks of a canary from its first."""
    state = Watched(policy=policy, served_since=served_since)
    for look in looks:
        state = after(state, look)
    return state


def after(state: Watched, look: Look) -> Watched:
    """The state after one more look; one that no router replica answered changes nothing that is judged."""
    seen = look.observation
    if look.step != state.step:
        state = _in_step(state, look.step, seen.at)
    if look.resumed:
        state = replace(state, previous=None)
    state = replace(state, predicted=state.predicted or predicts(seen), troubles=seen.problems)
    if not seen.samples:
        return state
    if state.judge is None:
        return _begin(state, seen)
    if state.previous is None or _unseen(state, seen.at - state.previous.at):
        return _anew(state, seen)
    grown = increments(state.previous, seen)
    heard = replace(state, previous=seen, troubles=(*seen.problems, *grown.lost))
    if not grown.replicas:
        return heard
    judge = _with_what_is_due(state, state.judge, state.previous)
    waits = (
        *awaited(judge, state.previous, predicted=state.predicted),
        *_own_uncounted(state.policy, seen),
    )
    now, waiting = paired(state.own, grown.own)
    load = loaded(state.load, grown)
    poll = poll_of(replace(grown, own=now), seen.at - state.first_at, judge.policy.channels, waits, load.ratio)
    return replace(
        _answered(heard, poll.counts("live", ERRORS.name), seen.at),
        judge=step(judge, poll),
        last_at=seen.at,
        step_polls=state.step_polls + poll.has_both,
        step_requests=state.step_requests + poll.canary_requests,
        requests=_requests(state, grown),
        own=waiting,
        mixed=False,
        # in a gap, and before the first look of a step, traffic may have been another
        load=Load() if state.mixed or grown.seconds > _GAP * state.policy.poll else load,
    )


def _in_step(state: Watched, step: int, at: float) -> Watched:
    """In another step; an earlier one means that the ramp began again, after a time without traffic."""
    return replace(
        state,
        step=step,
        step_polls=0,
        step_requests=0,
        alone=0,
        alone_since=at,
        requests=in_new_step(state.requests),
        mixed=True,
        load=Load(),
        previous=None if step < state.step else state.previous,
    )


def _unseen(state: Watched, seconds: float) -> bool:
    """Whether traffic may have been another for a while at which nobody looked.

    Sums over two shares of traffic say nothing: if both arms had a bad time at one of them, the arm that had more of
    its requests then looks worse. A shift alone is too short for that.
    """
    shifted = state.mixed and seconds > max(_SHIFT, _GAP * state.policy.poll)
    return shifted or seconds > state.policy.max_gap


def _anew(state: Watched, seen: Observation) -> Watched:
    """Only counts from here on are compared; what was learnt before stands."""
    return replace(
        state,
        previous=seen,
        last_at=seen.at,
        alone=0,
        alone_since=seen.at,
        own=OwnGrown(),
        mixed=False,
        load=Load(),
    )


def _answered(state: Watched, users: Counts, at: float) -> Watched:
    """Who answered users."""
    if users.canary_requests:
        return replace(state, alone=0, alone_since=at)
    return replace(state, alone=state.alone + users.stable_requests)


def situation(state: Watched, *, place: int, step_since: float, now: float) -> Situation:
    """Where the canary stands: `place` in its steps, which began at `step_since`; times in seconds since the epoch."""
    judge = state.judge if state.judge is not None else start(judge_policy(state.policy))
    return Situation(
        step=place,
        elapsed=now - state.first_at if state.first_at else 0.0,
        step_elapsed=now - step_since,
        step_polls=state.step_polls,
        step_requests=state.step_requests,
        silent=now - max(state.last_at, step_since),
        verdict=verdict(judge),
        troubles=state.troubles,
        alone=state.alone,
        alone_for=now - max(state.alone_since, step_since) if state.alone else 0.0,
        drift=state.requests.unsettled(state.policy.min_polls),
        drifted=state.requests.reason,
        predictions_alone=refused_by(judge) == {"predictions"},
    )


def encode_look(look: Look) -> bytes:
    """For the journal; `decode_look` is its inverse."""
    line = {"format": FORMAT, "step": look.step, "observation": observation_to_json(look.observation)}
    line |= {"resumed": True} if look.resumed else {}
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode()


def decode_look(data: bytes) -> Look:
    """Read what `encode_look` wrote.

    Raises:
        UsageError: it isn't one, or a newer Towpath wrote it.
    """
    line = json.loads(data)
    if not isinstance(line, dict) or line.get("format") != FORMAT:
        raise UsageError("a stored observation has a format this Towpath doesn't read", "use a newer Towpath")
    observation = observation_from_json(line["observation"])
    return Look(step=int(line["step"]), observation=observation, resumed=bool(line.get("resumed")))


def _begin(state: Watched, first: Observation) -> Watched:
    policy = judge_policy(state.policy)
    judge = start(policy, reference_of(first, state.served_since, policy.channels))
    requests = Requests(before=total_asked(first.models, "stable"))
    begun = replace(state, judge=judge, previous=first, first_at=first.at, last_at=first.at)
    return replace(begun, requests=requests, mixed=False)


def _requests(state: Watched, grown: Increments) -> Requests:
    policy, asked, live = state.policy, grown.tallies.asked, grown.live
    return looked(
        state.requests,
        Growth(asked=asked, stable_requests=live.stable.requests, canary_requests=live.canary.requests),
        margin=policy.drift.psi,
        chance=chance_of_one(max(len(asked.stable), len(asked.canary)), policy.max_time / policy.poll),
        looks=policy.min_polls,
    )


def _with_what_is_due(state: Watched, judge: JudgeState, seen: Observation) -> JudgeState:
    channels = due(judge, state.policy, seen)
    return extend(judge, channels, reference_of(seen, state.served_since, channels)) if channels else judge


def _own_uncounted(policy: CanaryPolicy, seen: Observation) -> Iterator[str]:
    return uncounted((metric.name for metric in policy.own), seen.own, seen.problems)
