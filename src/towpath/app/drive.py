"""Driving an opened promotion to its end, from whatever step it has reached."""

from collections.abc import Sequence
from typing import Final, assert_never

from towpath.app.explain import keep_picture, recording_of
from towpath.app.observe import Refusal, observe
from towpath.app.run import Run, expect_ours, expect_program
from towpath.app.steps import CandidateRefused, perform, refused
from towpath.app.take_back import take_back, to_zero
from towpath.core.errors import Busy, Interrupted, NeedsPerson, Overridden, RolledBack, TowpathError
from towpath.core.history import Closed, History, Kind, Open
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft, Entry
from towpath.core.promotion import BEYOND_RETURN, Outcome, Step, StepKind, Strategy
from towpath.core.recording import Frame, frames

PAUSE_POLL: Final = 5.0  # seconds between two looks at whether a pause is over
_DRAWING: Final = frozenset({StepKind.START, StepKind.SCALE, StepKind.SHIFT, StepKind.DRAW})


def drive(run: Run) -> Closed:
    """Take every step that is left; gives back how it ended.

    Raises:
        RolledBack: the candidate was refused; stable serves again.
        Overridden: somebody else drew the stack in the middle of it.
        NeedsPerson: it can't end by itself; what stands is said.
        Interrupted: the user stopped it.

    However it ends, no candidate is left with traffic and nobody looking; where that can't be had, it is said.
    """
    try:
        _to_an_end(run)
    except Overridden as overridden:
        _close_overridden(run, overridden)
        raise
    except (KeyboardInterrupt, Interrupted) as stop:
        raise _interrupted(run) from stop
    except Busy:  # somebody else took the lease, and with it the candidate
        raise
    except Exception as failed:
        said = _left_alone(run, f"the driver failed: {failed}")
        if said:
            run.services.report.line(f"{said}; deploy resume {run.stack} goes on")
        raise
    return _ended(run)


def _to_an_end(run: Run) -> None:
    try:
        _drive(run)
    except CandidateRefused as said:
        take_back(run, said.refusal)


def _drive(run: Run) -> None:
    now = run.open()
    if now.rolling_back:
        raise CandidateRefused(Refusal(reason=now.rolling_back, bad=now.bad, outcome=now.outcome))
    if not (now.abort and now.can_turn_back):
        expect_program(run)
    while now.next_step < len(run.plan.steps):
        if now.awaits_person:
            _heed(run, now)
        else:
            _take(run, now.next_step)
        now = run.open()
    run.note(Kind.CLOSED, outcome=Outcome.PROMOTED, reason="")


def _heed(run: Run, now: Open) -> None:
    """Give the candidate up, or wait until a pause is over; one with traffic is looked at all the while."""
    if now.abort:
        raise CandidateRefused(Refusal(reason=now.abort, bad=False, outcome=Outcome.ABORTED))
    looked = [step for step in run.plan.steps[: now.next_step] if step.kind is StepKind.OBSERVE]
    if not looked:
        _sit_out(run)
        return
    refusal = observe(run, looked[-1])
    if refusal is not None:
        raise CandidateRefused(refusal)


def _sit_out(run: Run) -> None:
    run.services.report.line(f"paused; deploy resume {run.stack} goes on")
    while (now := run.open()).paused and not now.abort:
        run.held.check()
        expect_ours(run, run.outputs())
        run.services.clock.sleep(PAUSE_POLL)


def _take(run: Run, index: int) -> None:
    step = run.plan.steps[index]
    if step.kind in _DRAWING:
        expect_program(run)
    begun = run.services.clock.monotonic()
    if not _begin(run, index):
        return
    with run.services.report.progress(_saying(run, index, step)):
        drawn = _perform(run, step)
    run.note(Kind.STEP_DONE, step=index, drawn=drawn, seconds=round(run.services.clock.monotonic() - begun, 3))


def _begin(run: Run, index: int) -> bool:
    """Note that a step begins, unless somebody said a word against it a moment ago."""

    def unless_told(entries: Sequence[Entry]) -> Draft | None:
        now = history_of(entries).open
        if now is not None and now.awaits_person:
            return None
        return Draft(kind=Kind.STEP_STARTED, promotion=run.plan.id, fence=run.held.fence, payload={"step": index})

    return run.journal.append(unless_told) is not None


def _perform(run: Run, step: Step) -> str:
    """A step that fails before the point of no return refuses the candidate; one beyond it is tried once more."""
    try:
        return perform(run, step)
    except (Overridden, Interrupted, Busy):
        raise
    except (TowpathError, OSError) as error:
        failed = _needs_person(run, step, error)
        if step.kind is StepKind.DRAW:
            run.services.report.line(f"{step.name} failed, trying once more: {failed.message}")
            return perform(run, step)
        if step.kind in BEYOND_RETURN or run.plan.strategy is Strategy.FIRST:
            raise failed from error
        raise refused(failed.message, bad=False) from error


def _needs_person(run: Run, step: Step, error: TowpathError | OSError) -> NeedsPerson:
    """What is refused or missing in the middle of a promotion needs somebody: more than nothing was changed by then."""
    if isinstance(error, NeedsPerson):
        return error
    hint = f"mend that, then: deploy resume {run.stack}"
    if isinstance(error, TowpathError):
        return NeedsPerson(f"{run.stack}: {step.name} failed: {error.message}", error.hint or hint)
    return NeedsPerson(f"{run.stack}: {step.name} failed: {error}", hint)


def _saying(run: Run, index: int, step: Step) -> str:
    return f"{run.stack} promotion {run.plan.id}: step {index + 1} of {len(run.plan.steps)}, {step.name}"


def _close_overridden(run: Run, overridden: Overridden) -> None:
    now = run.history().open
    if now is not None and now.plan.id == run.plan.id:
        run.note(Kind.CLOSED, outcome=Outcome.OVERRIDDEN, reason=overridden.message)


def _interrupted(run: Run) -> Interrupted:
    """A canary is never left alone: what has no driver gets no traffic."""
    run.services.engine.interrupt()
    left = _left_alone(run, "the driver was stopped")
    return Interrupted(
        f"promotion {run.plan.id} of {run.stack} was stopped; {run.plan.endpoint} serves{left and f', {left}'}",
        f"deploy resume {run.stack} goes on, deploy abort {run.stack} gives it up",
    )


def _left_alone(run: Run, why: str) -> str:
    """Take its traffic from a candidate at which nobody will look; gives back what stands, empty without one."""
    try:
        now = run.open()
        if not _has_candidate(run, now):
            return ""
        if now.rolling_back:
            to_zero(run, now)
        elif now.traffic or now.started >= now.next_step:  # else it was reset already, and no step began since
            reset(run, now, why)
    except (TowpathError, OSError, KeyboardInterrupt) as failed:
        return (
            f"the candidate's traffic could not be set to 0: {_told(failed)}; "
            f"pulumi up -s {run.stack} gives stable all of it"
        )
    return "the candidate has no traffic"


def _told(failed: BaseException) -> str:
    if isinstance(failed, KeyboardInterrupt):
        return "that was stopped too"
    return failed.message if isinstance(failed, TowpathError) else str(failed)


def _has_candidate(run: Run, now: Open) -> bool:
    if run.plan.stable is None or not now.can_turn_back:
        return False
    kinds = {step.kind for step in run.plan.steps[: now.next_step + 1]}
    return StepKind.SHIFT in kinds


def reset(run: Run, now: Open, reason: str) -> None:
    """Set the candidate to traffic 0 and begin its ramp again; the evidence stays."""
    outputs = to_zero(run, now)
    if outputs is not None:
        run.note(Kind.RESET, drawn=outputs.drawn, reason=reason)


def _ended(run: Run) -> Closed:
    history = run.history()
    closed = next(c for c in reversed(history.closed) if c.plan.id == run.plan.id)
    picture = keep_picture(run.services, closed, _frames(run, history))
    if picture:
        run.services.report.line(f"what it was judged on: {picture}")
    expect_known(closed)
    return closed


def _frames(run: Run, history: History) -> Sequence[Frame]:
    if run.replay is not None and run.replay.frames is not None:
        return run.replay.frames
    recording = recording_of(run.journal, history, run.plan)
    return () if recording is None else frames(recording)


def expect_known(closed: Closed) -> None:
    """Turn a bad end into its error.

    Raises:
        RolledBack: the candidate was refused or given up.
        Overridden: somebody else drew the stack.
    """
    where = closed.plan.environment
    what = f"promotion {closed.plan.id} of {where}"
    match closed.outcome:
        case Outcome.PROMOTED:
            return
        case Outcome.ROLLED_BACK:
            raise RolledBack(f"{what} was rolled back: {closed.reason}", f"deploy history {where} has the figures")
        case Outcome.ABORTED:
            raise RolledBack(f"{what} was aborted: {closed.reason}")
        case Outcome.OVERRIDDEN:
            raise Overridden(closed.reason)
        case Outcome.INCONCLUSIVE:
            raise NeedsPerson(
                f"{what} was inconclusive, stable serves again: {closed.reason}",
                f"deploy explain {where} says what was missing, deploy plan --to {where} what would decide it",
            )
        case unknown:
            assert_never(unknown)
