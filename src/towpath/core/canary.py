"""A canary: its steps, and what to do at each look."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from towpath.core.canary_policy import (
    UNJUDGED,
    CanaryPolicy,
    Margin,
    Margins,
    check,
    judge_policy,
    policy_problems,
)
from towpath.core.judge.verdict import Verdict

__all__ = [
    "Advance",
    "CanaryPolicy",
    "CanaryStep",
    "Decision",
    "Halt",
    "Hold",
    "Inconclusive",
    "Margin",
    "Margins",
    "Promote",
    "RollBack",
    "Situation",
    "canary_replicas",
    "check",
    "decide",
    "judge_policy",
    "policy_problems",
    "steps",
]

_ALL: Final = 100
_SEES_LATENCY: Final = (0.8, 1.25)


@dataclass(frozen=True, kw_only=True, slots=True)
class CanaryStep:
    """One share of traffic.

    Attributes:
        traffic: of the candidate, percent.
        dwell: seconds it lasts at least.
        canary_replicas: the candidate's, which must be ready before the step.
        stable_replicas: stable keeps all of them.
        needs_promote: whether the judge must have said *promote* before.
        last: after it the candidate becomes the release.
    """

    traffic: int
    dwell: float
    canary_replicas: int
    stable_replicas: int
    needs_promote: bool
    last: bool

    @property
    def load_ratio(self) -> float:
        """The candidate's load per replica over stable's."""
        return (self.traffic / self.canary_replicas) / ((_ALL - self.traffic) / self.stable_replicas)

    @property
    def sees_latency(self) -> bool:
        """Whether replicas of both arms have about the same load."""
        return _SEES_LATENCY[0] <= self.load_ratio <= _SEES_LATENCY[1]


def canary_replicas(stable_replicas: int, traffic: int) -> int:
    """Replicas that give the candidate at `traffic` percent no more load each than stable's had, at most as many."""
    wanted = -(-stable_replicas * traffic // (_ALL - traffic))
    return max(1, min(stable_replicas, wanted))


def steps(policy: CanaryPolicy, replicas: int) -> tuple[CanaryStep, ...]:
    """The steps of a canary beside `replicas` stable ones; the last leaves stable its holdback."""
    return tuple(
        CanaryStep(
            traffic=share,
            dwell=max(policy.dwell, policy.soak) if share == policy.shares[-1] else policy.dwell,
            canary_replicas=canary_replicas(replicas, share),
            stable_replicas=replicas,
            needs_promote=share > UNJUDGED,
            last=share == policy.shares[-1],
        )
        for share in policy.shares
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """Where a canary stands at one look. Times in seconds.

    Attributes:
        step: place in the plan.
        elapsed: since the candidate's first traffic.
        step_elapsed: since this step's traffic was seen on every router replica.
        step_polls: with data in both arms, in this step.
        step_requests: answered by the candidate in this step.
        silent: since the last usable observation.
        verdict: the judge's newest.
        troubles: why something couldn't be read in the newest look.
        alone: users' requests that stable answered since the candidate answered one.
        alone_for: seconds since the candidate answered one; 0 while stable hasn't either.
        drift: why predictions can't be compared now: users' requests changed, or differ between the arms.
        drifted: the same, at any time in this canary.
        predictions_alone: whether the candidate is refused for what it predicts and nothing else.
    """

    step: int
    elapsed: float
    step_elapsed: float
    step_polls: int
    step_requests: int
    silent: float
    verdict: Verdict
    troubles: tuple[str, ...] = ()
    alone: int = 0
    alone_for: float = 0.0
    drift: str = ""
    drifted: str = ""
    predictions_alone: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Stay, because of `why`, and look again in `next_look` seconds."""

    why: str
    next_look: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Advance:
    """Give the candidate the traffic of the next step."""

    to: CanaryStep


@dataclass(frozen=True, kw_only=True, slots=True)
class Promote:
    """Make the candidate the release."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RollBack:
    """Take the traffic off the candidate; `blamed` says whether its digest is to be marked bad."""

    reason: str
    blamed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt:
    """Take the traffic off the candidate without blaming it: nothing is known of it any more."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Inconclusive:
    """A person must decide; `more_requests` of the candidate would have been needed, where that is known."""

    reason: str
    more_requests: int | None


Decision = Hold | Advance | Promote | RollBack | Halt | Inconclusive


def decide(policy: CanaryPolicy, plan: Sequence[CanaryStep], now: Situation) -> Decision:
    """What to do at this look. No data is neither a pass nor a fail."""
    said, drift = now.verdict, now.drift if policy.drift.action == "hold" else ""
    if said.kind == "roll back":
        return _refused(policy, now)
    if said.kind == "halt":
        return Halt(reason=said.reason)
    unheard = _unheard(policy, plan[now.step], now)
    if unheard is not None:
        return unheard
    if now.elapsed >= policy.max_time and (drift or said.kind != "promote"):
        return _undecided(policy, now, drift)
    missing = drift or _missing(policy, plan, now)
    if missing:
        return Hold(why=missing, next_look=_next_look(policy, plan[now.step], now))
    return Promote(reason=said.reason) if plan[now.step].last else Advance(to=plan[now.step + 1])


def _refused(policy: CanaryPolicy, now: Situation) -> RollBack:
    """What it predicts isn't held against a release whose requests nobody knew; it goes all the same."""
    excused = now.predictions_alone and now.drifted and policy.drift.action == "hold"
    reason = f"{now.verdict.reason}; the release isn't marked bad, for {now.drifted}" if excused else now.verdict.reason
    return RollBack(reason=reason, blamed=not excused)


def _unheard(policy: CanaryPolicy, step: CanaryStep, now: Situation) -> Decision | None:
    """What to do where nothing can be seen, or nothing of the candidate; None where something can."""
    if now.silent >= 2 * policy.poll or now.silent > policy.max_gap:
        return _silence(policy, now)
    if _mute(policy, step, now):
        return Halt(
            reason=f"the candidate answered nothing for {now.alone_for:.0f} s while stable answered {now.alone}"
        )
    return None


def _silence(policy: CanaryPolicy, now: Situation) -> Decision:
    silence = f"no observation for {now.silent:.0f} s"
    why = f": {'; '.join(now.troubles)}" if now.troubles else ""
    if now.silent > policy.max_gap:
        return Halt(reason=f"{silence}; no more than {policy.max_gap:.0f} s are waited for{why}")
    return Hold(why=f"{silence}{why}", next_look=policy.poll)


def _mute(policy: CanaryPolicy, step: CanaryStep, now: Situation) -> bool:
    """Whether the candidate must have been asked and never answered.

    Requests that clients gave up on are in no counter, so a candidate that hangs may look like one that isn't asked.
    """
    asked = now.alone * step.traffic / (_ALL - step.traffic)
    return asked >= policy.breaker.requests and now.alone_for > policy.max_gap


def _undecided(policy: CanaryPolicy, now: Situation, drift: str) -> Decision:
    said = now.verdict
    # an inconclusive judge says itself after how long
    late = "" if said.kind == "inconclusive" and not drift else f"after {now.elapsed:.0f} s: "
    seen = f"the candidate answered {said.live_requests:,} requests of users and {said.probe_requests:,} probes"
    reason = f"undecided {late}{drift or said.reason}; {seen}"
    if policy.on_inconclusive == "roll back":
        return RollBack(reason=reason, blamed=False)
    return Inconclusive(reason=reason, more_requests=None if drift else said.more_requests)


def _missing(policy: CanaryPolicy, plan: Sequence[CanaryStep], now: Situation) -> str:
    """What the step still lacks; empty when nothing."""
    step = plan[now.step]
    judged = step.last or plan[now.step + 1].needs_promote
    checks = (
        (now.step_elapsed < step.dwell, f"{now.step_elapsed:.0f} of {step.dwell:.0f} s at {step.traffic} %"),
        (now.step_polls < policy.min_polls, f"{now.step_polls} of {policy.min_polls} polls with data"),
        (
            now.step_requests < policy.min_requests,
            f"{now.step_requests} of {policy.min_requests} requests in this step",
        ),
        (judged and now.verdict.kind != "promote", f"beyond {UNJUDGED} % the judge must agree: {now.verdict.reason}"),
    )
    return next((why for lacks, why in checks if lacks), "")


def _next_look(policy: CanaryPolicy, step: CanaryStep, now: Situation) -> float:
    left = step.dwell - now.step_elapsed
    return min(policy.poll, left) if left > 0 else policy.poll
