"""What a canary decided and why, for somebody who knows no statistics."""

import math
from collections.abc import Iterator, Sequence
from typing import Final

from towpath.core.judge import Arms, Channel, Estimate, JudgePolicy, Verdict
from towpath.core.judge.alarms import bound_against
from towpath.core.judge.channels import Own
from towpath.core.percent import percent
from towpath.core.recording import Frame

_WHOSE: Final = {"live": "users", "probe": "our own probes"}
_KINDS: Final = {"errors": "failing answers", "latency": "slow answers", "predictions": "what it predicts"}


def explain(frames: Sequence[Frame]) -> tuple[str, ...]:
    """Paragraphs, from the looks alone: what was seen, what it is held against, how sure that is, and what is next."""
    if not frames:
        return ("Nothing was looked at: this promotion had no canary, or ended before its first look.",)
    last = frames[-1]
    own = last.verdict.channel in {channel.name for channel in last.judge.policy.channels if _is_own(channel)}
    return (
        *_seen(last.verdict, own=own),
        _sure(last.verdict, last.judge.policy),
        _judged(last),
        *_asked(frames),
        *_next(last),
    )


def _is_own(channel: Channel) -> bool:
    return isinstance(channel.event, Own)


def _seen(said: Verdict, *, own: bool) -> Iterator[str]:
    yield f"The judge's word: {said.kind}, since {said.reason}."
    for arms in said.arms:
        if arms.canary.requests:
            yield _own(said, arms) if own else _arms(said.channel, arms)


def _own(said: Verdict, arms: Arms) -> str:
    apart = "; users' requests and probes aren't shown apart in it" if said.probe_requests else ""
    return f"Counted as {said.channel}: {_rates(arms)}{apart}."


def _arms(channel: str, arms: Arms) -> str:
    return f"In requests by {_WHOSE[arms.stratum]}, {channel}: {_rates(arms)}."


def _rates(arms: Arms) -> str:
    return f"{_rate(arms.canary)} at the candidate, {_rate(arms.stable)} at stable"


def _rate(seen: Estimate) -> str:
    if not seen.requests:
        return "none"
    spoken = f"{seen.events:,} of {seen.requests:,} ({seen.rate:.2%}; the true share is from {seen.low:.2%}"
    return f"{spoken} to {seen.high:.2%})"


def _sure(said: Verdict, policy: JudgePolicy) -> str:
    if said.kind == "promote":
        return (
            f"Every kind of evidence says that the candidate is within its margin. Of candidates beyond a margin at "
            f"most {percent(policy.beta)} would get this far, however often one looks."
        )
    odds = math.exp(min(said.evidence, 50.0))
    bound = math.exp(bound_against(policy))
    if said.kind == "roll back":
        return (
            f"A candidate that is no worse than the margin shows evidence of this strength ({odds:,.0f}; "
            f"{bound:,.0f} is needed) in at most 1 of {1 / policy.alpha:,.0f} canaries, however often one looks; "
            "or so many of its requests failed that no statistics were needed."
        )
    return (
        f"Evidence against the candidate reached {odds:,.1f} of the {bound:,.0f} that a roll back needs, and for it "
        f"{math.exp(said.in_favour):,.1f} of the {math.exp(said.bound_in_favour):,.0f} that going on needs."
    )


def _judged(last: Frame) -> str:
    compared = {channel.metric for channel in last.judge.policy.channels}
    yes = [_KINDS.get(metric, metric) for metric in last.judge.policy.metrics if metric in compared]
    no = [_KINDS.get(metric, metric) for metric in last.judge.policy.metrics if metric not in compared]
    left = f" Not compared: {', '.join(no)}; deploy plan says why." if no else ""
    said = last.verdict
    return (
        f"Compared were {', '.join(yes)}, on {said.live_requests:,} requests by users and {said.probe_requests:,} "
        f"probes that the candidate answered.{left}"
    )


def _asked(frames: Sequence[Frame]) -> Iterator[str]:
    """What was said of users' requests, each thing once, as it was when it was said last."""
    compared = [frame for frame in frames if frame.drift.reason]
    told = compared or [frame for frame in frames if frame.drift.told]
    if told:
        yield (
            f"Users' requests, from {told[0].elapsed:.0f} s to {told[-1].elapsed:.0f} s: {told[-1].drift.told}. "
            "PSI says how far apart two samples of a feature are: 0 is not at all, 1 about a standard deviation."
        )
    if compared:
        yield "While requests change, or differ between the arms, predictions say little of the release."


def _next(last: Frame) -> Iterator[str]:
    said = last.verdict
    if last.drift.reason and said.kind != "roll back":
        yield (
            "Next: find out who asks what; once requests are ordinary again, a canary can compare. Where they stay "
            "like this, train on them, or let canary.drift in deploy.toml only tell."
        )
    elif said.kind == "roll back":
        yield "Next: look at the candidate's log and at what changed since stable; a new build gets its own canary."
    elif said.more_requests:
        yield (
            f"Next: about {said.more_requests:,} more requests of the candidate would decide it: more traffic, a "
            "longer max_time, probes, or a wider margin."
        )
