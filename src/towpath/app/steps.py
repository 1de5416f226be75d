"""The steps of a promotion, one function each; every one can be done again without harm."""

from collections.abc import Callable, Mapping
from typing import Final

from towpath.app.observe import Refusal, observe
from towpath.app.prove import prove
from towpath.app.run import Run, draw, shift
from towpath.core.errors import NeedsPerson
from towpath.core.outputs import EndpointOutput, StackOutputs, as_declared
from towpath.core.promotion import Step, StepKind, promoted, world

SEEN_WAIT: Final = 15.0  # seconds the routers get to report a split that the engine has applied
SEEN_POLL: Final = 0.2


class CandidateRefused(Exception):  # noqa: N818 - an event inside a promotion; never leaves this package
    """The candidate isn't fit to serve; stable must carry all traffic again.

    Attributes:
        refusal: why, and how the promotion ends.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


def refused(reason: str, *, bad: bool) -> CandidateRefused:
    """A candidate that is refused for another reason than what the judge saw."""
    return CandidateRefused(Refusal(reason=reason, bad=bad))


def perform(run: Run, step: Step) -> str:
    """Do one step; gives back the hash that is drawn afterwards, empty when the step draws nothing."""
    return _EFFECTS[step.kind](run, step)


def _start(run: Run, step: Step) -> str:
    try:
        outputs = draw(run, world(run.base, run.plan, step))
    except NeedsPerson as failed:
        raise refused(f"the candidate didn't start: {failed.message}", bad=False) from failed
    return outputs.drawn


def _shift(run: Run, step: Step) -> str:
    outputs = shift(run, world(run.base, run.plan, step))
    expect_traffic(run, outputs, step.traffic)
    return outputs.drawn


def expect_traffic(run: Run, outputs: StackOutputs, traffic: float) -> None:
    """Read the real split back from every router replica.

    Raises:
        NeedsPerson: a router replica doesn't do what was declared.
    """
    clock = run.services.clock
    deadline = clock.monotonic() + SEEN_WAIT
    while True:
        seen = run.services.traffic.observed(outputs, run.plan.endpoint)
        if seen and all(as_declared(traffic, share) for share in seen):
            return
        if clock.monotonic() > deadline:
            shares = ", ".join(f"{share:g} %" for share in seen) or "no router answered"
            raise NeedsPerson(
                f"{run.stack}: {traffic:g} % was declared for the candidate of {run.plan.endpoint}, seen: {shares}",
                f"look at the router's log, then: deploy resume {run.stack}",
            )
        clock.sleep(SEEN_POLL)


def _smoke(run: Run, _step: Step) -> str:
    watch = run.services.watch(run.stack, run.outputs(), run.plan.endpoint, run.plan.model, run.base.serving, ())
    failure = watch.prober.smoke()
    if failure:
        raise refused(f"the smoke request failed: {failure}", bad=True)
    return ""


def _observe(run: Run, step: Step) -> str:
    refusal = observe(run, step)
    if refusal is not None:
        raise CandidateRefused(refusal)
    return ""


def _draw(run: Run, _step: Step) -> str:
    after = draw(run, promoted(run.base, run.plan))
    _expect_release(run, after.endpoint(run.plan.endpoint))
    return after.drawn


def _expect_release(run: Run, endpoint: EndpointOutput | None) -> None:
    if endpoint is None or endpoint.stable is None or endpoint.stable.release != run.plan.candidate:
        raise NeedsPerson(
            f"{run.stack} was drawn, but doesn't say that {run.plan.endpoint} serves {run.plan.candidate.short}",
            f"deploy resume {run.stack} draws it again",
        )


def _write(run: Run, _step: Step) -> str:
    now = run.services.files.read(run.stack)
    endpoint = now.endpoint(run.plan.endpoint)
    if endpoint is not None and (endpoint.release, endpoint.promotion) == (run.plan.candidate, run.plan.id):
        return ""
    run.services.files.write_release(run.file, run.plan.endpoint, run.plan.candidate, run.plan.id)
    return ""


def _prove(run: Run, _step: Step) -> str:
    prove(run)
    return ""


_EFFECTS: Mapping[StepKind, Callable[[Run, Step], str]] = {
    StepKind.START: _start,
    StepKind.SMOKE: _smoke,
    StepKind.SCALE: _start,
    StepKind.SHIFT: _shift,
    StepKind.OBSERVE: _observe,
    StepKind.DRAW: _draw,
    StepKind.WRITE: _write,
    StepKind.PROVE: _prove,
}
