"""Taking a candidate away: traffic first, then its replicas. Needs no plan, no dry run and no registry."""

from dataclasses import replace

from towpath.app.observe import Refusal
from towpath.app.run import FOR_EVER, LOCK_WAIT, Run, expect_ours, restore, shift
from towpath.app.steps import expect_traffic
from towpath.core.contract import Endpoint
from towpath.core.errors import NeedsPerson
from towpath.core.history import Kind, Open
from towpath.core.outputs import StackOutputs
from towpath.core.promotion import with_canary


def take_back(run: Run, refusal: Refusal) -> None:
    """Give stable all traffic again and close the promotion; goes on where a killed one stopped."""
    now = run.open()
    if not now.rolling_back:
        run.note(Kind.ROLLING_BACK, reason=refusal.reason, outcome=refusal.outcome, bad=refusal.bad)
        now = replace(now, rolling_back=refusal.reason, outcome=refusal.outcome, bad=refusal.bad)
    run.services.engine.interrupt()
    run.services.report.line(f"rolling back {run.stack}: {now.rolling_back}")
    if _left_something(run, now):
        _remove(run, now)
    _close(run, now)


def _left_something(run: Run, now: Open) -> bool:
    """Whether anything may be there to take away; a step that failed left replicas behind that no output tells of."""
    drawn = run.outputs().drawn
    somebody_went_back = drawn == run.plan.drawn and drawn not in now.drawn  # by drawing the checked-in file
    return now.started >= 0 and not somebody_went_back


def _remove(run: Run, now: Open) -> None:
    if run.plan.stable is not None:
        to_zero(run, now, FOR_EVER)
    with run.services.report.progress(f"removing the candidate from {run.stack}"):
        restore(run)


def to_zero(run: Run, now: Open, patience: float = LOCK_WAIT) -> StackOutputs | None:
    """Set the candidate's traffic to 0, see it on every router replica, and let begun requests finish.

    Nothing to do when the candidate was never drawn. Another engine's lock is waited for so many seconds.
    """
    outputs = run.outputs()
    expect_ours(run, outputs)
    endpoint = outputs.endpoint(run.plan.endpoint)
    if endpoint is None or endpoint.canary is None:
        return None
    outputs = shift(run, zero(run, max(1, now.replicas, endpoint.canary.replicas)), patience)
    expect_traffic(run, outputs, 0)
    drain = run.base.serving.timeouts.drain
    if not run.services.traffic.await_drained(outputs, endpoint.canary.cluster, drain):
        run.services.report.line(f"requests to the candidate were still open after {drain:g} s; they end with it")
    return outputs


def zero(run: Run, replicas: int) -> Endpoint:
    """The endpoint with the candidate running and nobody sent to it."""
    return with_canary(run.base, run.plan, traffic=0, replicas=replicas)


def _close(run: Run, now: Open) -> None:
    outputs = run.outputs()
    endpoint = outputs.endpoint(run.plan.endpoint)
    serving = None if endpoint is None or endpoint.stable is None else endpoint.stable.release
    if serving != run.plan.stable:
        raise NeedsPerson(
            f"{run.stack} was rolled back, but {run.plan.endpoint} doesn't serve what it served before",
            f"draw the checked-in file by hand: pulumi up -s {run.stack}; then: deploy resume {run.stack}",
        )
    if now.bad:
        run.note(Kind.MARKED_BAD, digest=run.plan.candidate.digest, reason=now.rolling_back)
    run.note(Kind.CLOSED, outcome=now.outcome, reason=now.rolling_back)
