"""Looking at a candidate: store what was seen, judge it, and stay until there is something to do."""

from dataclasses import dataclass
from typing import Final

from towpath.app.ports import Clock
from towpath.app.replay import Replay
from towpath.app.run import Run, expect_ours
from towpath.app.services import Watch
from towpath.core.canary import (
    Advance,
    CanaryPolicy,
    CanaryStep,
    Decision,
    Halt,
    Hold,
    Inconclusive,
    Promote,
    RollBack,
    decide,
    steps,
)
from towpath.core.canary_codec import policy_from_json
from towpath.core.history import Kind
from towpath.core.journal import Entry
from towpath.core.judge import Verdict
from towpath.core.promotion import Outcome, Step, StepKind
from towpath.core.watch import Look, decode_look, encode_look, situation, watched


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why the candidate may not stay.

    Attributes:
        reason: in words.
        bad: whether the release itself is to blame.
        outcome: how the promotion ends.
    """

    reason: str
    bad: bool
    outcome: Outcome = Outcome.ROLLED_BACK


@dataclass(kw_only=True, slots=True)
class _Canary:
    run: Run
    policy: CanaryPolicy
    shares: tuple[CanaryStep, ...]
    index: int  # of the step in the promotion's plan
    since: float
    watch: Watch
    replay: Replay
    told: str  # of which kind is what a person was told of users' requests last
    paused: str = ""  # why, as a person was told

    @property
    def place(self) -> int:
        """Of the step among the canary's shares of traffic."""
        traffic = self.run.plan.steps[self.index].traffic
        return next(i for i, share in enumerate(self.shares) if share.traffic == traffic)


def observe(run: Run, step: Step) -> Refusal | None:
    """Stay in this step until its end; None when the canary may go on.

    Raises:
        Overridden: somebody else drew the stack.
    """
    canary = _begin(run, step)
    while True:
        begun = run.services.clock.now()
        verdict, decision = _look(canary)
        expect_ours(run, run.outputs())  # after the look: what somebody else drew is nothing to judge
        refusal = _refusal(decision)
        asked = run.open()
        if refusal is None and asked.abort:
            return None
        goes_on = isinstance(decision, Advance | Promote) and not asked.paused
        if refusal is not None or goes_on:
            because = verdict.reason if refusal is None else refusal.reason
            _note_verdict(run, verdict, type(decision).__name__, because)
            return refusal
        _tell_pause(canary, asked.paused)
        _wait(canary, decision, begun)


def _begin(run: Run, step: Step) -> _Canary:
    policy = policy_from_json(run.open().policy)
    index = next(i for i, one in enumerate(run.plan.steps) if one == step)
    run.replay = run.replay or _replay(run, policy)
    return _Canary(
        run=run,
        policy=policy,
        shares=steps(policy, run.base.replicas),
        index=index,
        since=_since(run, index),
        watch=run.services.watch(
            run.stack, run.outputs(), run.plan.endpoint, run.plan.model, run.base.serving, policy.own
        ),
        replay=run.replay,
        told=_kind(run.replay.state.requests.told(policy.min_polls)),
    )


def _since(run: Run, index: int) -> float:
    """When the routers were first seen with this step's traffic: the end of the shift before it."""
    shift = max(i for i in range(index) if run.plan.steps[i].kind is StepKind.SHIFT)
    for entries in (run.journal.entries, run.journal.history):  # all of them only where a snapshot came in between
        done = [entry.time for entry in entries() if _says_done(entry, run.plan.id, shift)]
        if done:
            return done[-1]
    return run.services.clock.now()


def _says_done(entry: Entry, promotion: int, step: int) -> bool:
    return (entry.promotion, entry.kind, entry.payload.get("step")) == (promotion, Kind.STEP_DONE, step)


def _replay(run: Run, policy: CanaryPolicy) -> Replay:
    """The canary as drivers before this one have looked at it."""
    looks = [decode_look(data) for data in run.journal.chunks(run.plan.id).values()]
    state = watched(policy, run.history().served_since(run.plan), looks)
    return Replay(state=state, frames=None if looks else [], resumed=bool(looks))


def _look(canary: _Canary) -> tuple[Verdict, Decision]:
    run = canary.run
    run.held.check()
    look = Look(step=canary.index, observation=canary.watch.observer.read(), resumed=canary.replay.resumed)
    run.journal.store_chunk(run.plan.id, encode_look(look))
    canary.replay.take(look)
    _tell(canary)
    at = max(run.services.clock.now(), canary.since)
    now = situation(canary.replay.state, place=canary.place, step_since=canary.since, now=at)
    return now.verdict, decide(canary.policy, canary.shares, now)


def _tell(canary: _Canary) -> None:
    """Say what users' requests are like when that is news."""
    policy, requests = canary.policy, canary.replay.state.requests
    told = requests.told(policy.min_polls)
    if _kind(told) != canary.told:
        canary.told = _kind(told)
        holds = "holding: " if policy.drift.action == "hold" and requests.unsettled(policy.min_polls) else ""
        canary.run.services.report.line(f"{holds}{told}" if told else "requests are again what they were")


def _tell_pause(canary: _Canary, why: str) -> None:
    if why and why != canary.paused:
        canary.run.services.report.line(f"paused; deploy resume {canary.run.stack} goes on")
    canary.paused = why


def _kind(told: str) -> str:
    """What is said without its features and figures, which are others at every look."""
    return told.partition(":")[0]


def _refusal(decision: Decision) -> Refusal | None:
    match decision:
        case RollBack():
            return Refusal(reason=decision.reason, bad=decision.blamed)
        case Halt():
            return Refusal(reason=decision.reason, bad=False)
        case Inconclusive():
            more = f", about {decision.more_requests:,} more are needed" if decision.more_requests else ""
            return Refusal(reason=f"{decision.reason}{more}", bad=False, outcome=Outcome.INCONCLUSIVE)
        case Promote() | Advance() | Hold():
            return None


_SAID: Final = {
    "Advance": "going on",
    "Promote": "promote",
    "RollBack": "roll back",
    "Halt": "halt",
    "Inconclusive": "inconclusive",
}


def _note_verdict(run: Run, verdict: Verdict, decision: str, because: str) -> None:
    run.note(
        Kind.VERDICT,
        decision=_SAID[decision],
        said=verdict.kind,
        reason=because,
        channel=verdict.channel,
        evidence=verdict.evidence,
        bound=verdict.bound,
        live_requests=verdict.live_requests,
        probe_requests=verdict.probe_requests,
    )
    run.services.report.line(f"{_SAID[decision]}: {because} (judged on {verdict.judged_on})")


def _wait(canary: _Canary, decision: Decision, begun: float) -> None:
    """Until the next look is due, counted from the beginning of the last one; probes are sent meanwhile."""
    seconds = decision.next_look if isinstance(decision, Hold) else canary.policy.poll
    clock = canary.run.services.clock
    probes = round(canary.policy.probes * _left(clock, begun, seconds))
    if probes > 0:
        canary.watch.prober.fire(probes, _left(clock, begun, seconds))
    clock.sleep(_left(clock, begun, seconds))


def _left(clock: Clock, begun: float, seconds: float) -> float:
    return max(0.0, seconds - max(0.0, clock.now() - begun))
