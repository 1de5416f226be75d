"""What the judge says, in numbers and in words."""

import math
from dataclasses import dataclass
from typing import Literal

from towpath.core.judge import alarms
from towpath.core.judge.bets import oriented, speaks_against, stable_rate
from towpath.core.judge.channels import Channel, Own
from towpath.core.judge.evalue import Counts, HalfPlane
from towpath.core.judge.interval import interval
from towpath.core.judge.model import Cause, JudgeState, Stratum
from towpath.core.judge.outlook import enough_requests
from towpath.core.percent import percent

Kind = Literal["promote", "roll back", "hold", "inconclusive", "halt"]
_FAILING = 0.001  # stable's rate, where nothing is known of it
_SPOKEN = {"live": "users' requests", "probe": "probes"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """The rate of one arm, with an interval of 95 % that stays true however often one looks."""

    events: int
    requests: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        """Events per request; 0 without requests."""
        return self.events / self.requests if self.requests else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Arms:
    """Both arms of one channel in one stratum, since the canary began."""

    stratum: Stratum
    canary: Estimate
    stable: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the judge says after a poll.

    Attributes:
        kind: what to do.
        reason: in plain words, with figures.
        channel: the one that decided, or the one that keeps the judge waiting.
        arms: what was seen of it, one entry per stratum.
        evidence: natural log, against the candidate, or for it where the kind is *promote*.
        bound: what the evidence is held against, natural log.
        in_favour: natural log of the weakest channel's evidence for the candidate.
        bound_in_favour: what it must reach for *promote*.
        live_requests: users' requests the candidate answered.
        probe_requests: probes the candidate answered.
        more_requests: about so many more of the candidate until *promote*; None where the data don't say, and where
            requests alone wouldn't do.
    """

    kind: Kind
    reason: str
    channel: str
    arms: tuple[Arms, ...]
    evidence: float
    bound: float
    in_favour: float
    bound_in_favour: float
    live_requests: int
    probe_requests: int
    more_requests: int | None = None

    @property
    def judged_on(self) -> str:
        """Whose requests this rests on."""
        seen = [name for name, count in (("users", self.live_requests), ("probes", self.probe_requests)) if count]
        return " and ".join(seen) or "nothing"


def verdict(state: JudgeState) -> Verdict:
    """The judge's word on all polls so far."""
    if state.refused is not None:
        return _refusal(state)
    if state.router_fault:
        return _say(state, "halt", state.router_fault, _waiting_for(state))
    waiting = _waits(state)
    if not waiting:
        return _promotion(state)
    late = state.elapsed >= state.policy.max_time
    kind: Kind = "inconclusive" if late else "hold"
    reason = f"after {state.elapsed:.0f} s: {waiting}" if late else waiting
    return _say(state, kind, reason, _silent(state) or _waiting_for(state))


def _waits(state: JudgeState) -> str:
    """What is missing for *promote*; empty when nothing is."""
    policy = state.policy
    requests = sum(_requests(state))
    weakest, silent = _waiting_for(state), _silent(state)
    checks = (
        (any(state.unsettled), _shared_fault(state)),
        (not requests, "the candidate has answered no request yet"),
        (state.awaited, "; ".join(state.awaited)),
        (silent is not None, "" if silent is None else _silence(state, silent)),  # no request mends that
        (_best(state, weakest) < -math.log(policy.beta), f"{weakest.name}: not enough requests to tell yet"),
        (_opposed(state), _opposed(state)),
        (state.polls < policy.min_polls, f"{state.polls} of {policy.min_polls} polls with requests in both arms"),
        (requests < policy.min_requests, f"{requests} of {policy.min_requests} requests of the candidate"),
        (state.elapsed < policy.min_time, f"{state.elapsed:.0f} of {policy.min_time:.0f} s"),
    )
    return next((reason for missing, reason in checks if missing), "")


def _shared_fault(state: JudgeState) -> str:
    strata = zip(state.policy.strata, state.unsettled, strict=True)
    whose = " and ".join(_SPOKEN[stratum] for stratum, left in strata if left)
    return f"both arms fail together, so the fault is not the candidate's alone ({whose})"


def _opposed(state: JudgeState) -> str:
    """Whose requests speak against the candidate, where those of another kind may have spoken for it."""
    channels = zip(state.policy.channels, state.channels, strict=True)
    found = (
        f"{channel.name}: {_SPOKEN[stratum]} speak against the candidate so far"
        for channel, kept in channels
        for stratum in speaks_against(state.policy, kept)
    )
    return next(found, "") if state.policy.probes else ""


def _silent(state: JudgeState) -> Channel | None:
    """A channel that hasn't been counted for as many polls as *promote* takes; None where there is none."""
    channels = zip(state.policy.channels, state.channels, strict=True)
    return next((channel for channel, kept in channels if kept.silent >= state.policy.min_polls), None)


def _silence(state: JudgeState, channel: Channel) -> str:
    seen = state.channels[state.policy.channels.index(channel)].seen
    heard = any(counts.both for counts in seen)
    return f"{channel.name} isn't counted {'any more' if heard else 'alike in both arms'}"


def _refusal(state: JudgeState) -> Verdict:
    cause = state.refused
    if cause is None:
        raise ValueError("only a refused candidate has a refusal")
    channel = next(one for one in state.policy.channels if one.name == cause.channel)
    where = " and ".join(_SPOKEN[stratum] for stratum in cause.strata)
    seen = "; ".join(_compare(arms) for arms in _arms(state, channel) if arms.stratum in cause.strata)
    told = f"{_broken(state, cause)}; in all {seen}" if cause.breaker else f"{seen}; {_beyond(channel)}"
    whose = channel.name if isinstance(channel.event, Own) else f"{channel.name} in {where}"
    return _say(state, "roll back", f"{whose}: {told}", channel)


def _broken(state: JudgeState, cause: Cause) -> str:
    """What the breaker saw: of the looks of its run nothing is kept but how many they are."""
    runs = zip(state.policy.strata, state.breaker_runs, strict=True)
    looks = min(run for stratum, run in runs if stratum in cause.strata)
    one_by_one = f"{looks} looks in a row" if looks > 1 else "one look"
    return f"in {one_by_one} at least {percent(state.policy.breaker.share)} of its requests failed"


def _promotion(state: JudgeState) -> Verdict:
    channel = _waiting_for(state)
    own = isinstance(channel.event, Own)
    seen = "; ".join(
        _compare(arms) if own else f"{_SPOKEN[arms.stratum]}: {_compare(arms)}" for arms in _arms(state, channel)
    )
    return _say(state, "promote", f"{_within(channel)}; {seen}", channel)


def _say(state: JudgeState, kind: Kind, reason: str, channel: Channel) -> Verdict:
    live, probe = _requests(state)
    weakest = _best(state, _waiting_for(state))
    needed = -math.log(state.policy.beta)
    return Verdict(
        kind=kind,
        reason=reason,
        channel=channel.name,
        arms=_arms(state, channel),
        evidence=weakest if kind == "promote" else state.peaks[state.policy.metrics.index(channel.metric)],
        bound=needed if kind == "promote" else alarms.bound_against(state.policy),
        in_favour=weakest,
        bound_in_favour=needed,
        live_requests=live,
        probe_requests=probe,
        more_requests=_more(state, live + probe, weakest) if kind in {"hold", "inconclusive"} else None,
    )


def _more(state: JudgeState, requests: int, evidence: float) -> int | None:
    """By what the requests so far have brought or, before there are any, by what stable is known to do."""
    if not requests:
        return max(_from_the_start(state, place) for place in range(len(state.channels)))
    if _silent(state) is not None:
        return None
    needed = -math.log(state.policy.beta)
    return math.ceil(requests * max(needed / evidence - 1, 0.0)) if evidence > 0 else None


def _from_the_start(state: JudgeState, place: int) -> int:
    channel, (past, *_) = state.policy.channels[place], state.channels[place].baseline
    rate = stable_rate(past) or _FAILING
    fits = channel.promote.canary_rate(rate) < 1
    return math.ceil(enough_requests(channel, rate, state.policy.beta) * state.policy.dispersion) if fits else 0


def _waiting_for(state: JudgeState) -> Channel:
    """The channel with the weakest case for the candidate."""
    return min(state.policy.channels, key=lambda channel: _best(state, channel))


def _best(state: JudgeState, channel: Channel) -> float:
    return state.channels[state.policy.channels.index(channel)].best


def _requests(state: JudgeState) -> tuple[int, int]:
    """The candidate's requests: users', probes. Each can fail; cases of other channels may be rows of a request."""
    channels = list(zip(state.policy.channels, state.channels, strict=True))
    counted = [kept.seen for channel, kept in channels if channel.is_failure] or [
        kept.seen for channel, kept in channels if not isinstance(channel.event, Own)
    ]
    by_stratum = {
        stratum: max((seen[place].canary_requests for seen in counted), default=0)
        for place, stratum in enumerate(state.policy.strata)
    }
    return by_stratum["live"], by_stratum.get("probe", 0)


def arms_of(state: JudgeState, name: str) -> tuple[Arms, ...]:
    """What was seen of a channel, one entry per stratum; none where there is no such channel."""
    return next((_arms(state, channel) for channel in state.policy.channels if channel.name == name), ())


def case_for(state: JudgeState, metric: str) -> float:
    """Natural log of the best evidence at any time for the candidate, of the metric's weakest channel."""
    return min((_best(state, channel) for channel in state.policy.channels if channel.metric == metric), default=0.0)


def _arms(state: JudgeState, channel: Channel) -> tuple[Arms, ...]:
    seen = state.channels[state.policy.channels.index(channel)].seen
    pairs = tuple(zip(state.policy.strata, seen, strict=True))
    if isinstance(channel.event, Own):
        pairs = pairs[:1]  # it has no other stratum than users' requests
    # kept are the bad events, told are those that the channel is named after
    return tuple(_arm_pair(stratum, oriented(channel, counts)) for stratum, counts in pairs)


def _arm_pair(stratum: Stratum, counts: Counts) -> Arms:
    return Arms(
        stratum=stratum,
        canary=_estimate(counts.canary_events, counts.canary_requests),
        stable=_estimate(counts.stable_events, counts.stable_requests),
    )


def _estimate(events: int, requests: int) -> Estimate:
    low, high = interval(events, requests)
    return Estimate(events=events, requests=requests, low=low, high=high)


def _compare(arms: Arms) -> str:
    return f"candidate {_spoken(arms.canary)}, stable {_spoken(arms.stable)}"


def _spoken(estimate: Estimate) -> str:
    return f"{estimate.rate:.2%} ({estimate.events:,} of {estimate.requests:,})"


def _beyond(channel: Channel) -> str:
    than = "more than" if channel.more_is == "worse" else "fewer than"
    return f"{than} {channel.margin[0] or _spoken_margin(channel.rollback)}"


def _within(channel: Channel) -> str:
    than = "less than" if channel.more_is == "worse" else "more than"
    return f"{channel.name}: {than} {channel.margin[1] or _spoken_margin(channel.promote)}"


def _spoken_margin(edge: HalfPlane) -> str:
    return f"{edge.r0:g} times stable's rate plus {percent(edge.d)}"
