"""`deploy pause` and `deploy abort`: a word to whoever drives the promotion, or the deed where nobody does."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NoReturn

from towpath.app.drive import expect_known
from towpath.app.journal import Journal
from towpath.app.resume import go_on
from towpath.app.services import Services
from towpath.core.errors import NeedsPerson, Refused
from towpath.core.history import Closed, History, Kind, Open
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft, Entry
from towpath.core.lease import LeaseTaken

ANSWER_WAIT: Final = 120.0  # seconds in which a living driver has to write something, beside the time between its looks
ANSWER_POLL: Final = 0.5


def pause(services: Services, environment: str, reason: str) -> Open:
    """Freeze an open promotion where it is: it is looked at, and no step is begun until it is resumed.

    Raises:
        Refused: nothing is open there, or the candidate stays already.
    """
    why = reason or "paused by hand"
    opened = _ask(services, environment, Kind.PAUSED, why)
    services.report.line(f"promotion {opened.plan.id} of {environment} begins no step; deploy resume goes on")
    return replace(opened, paused=why)


def abort(services: Services, environment: str, reason: str) -> NoReturn:
    """Give an open promotion up: stable gets all traffic again.

    Raises:
        Refused: nothing is open there, or the candidate stays already.
        RolledBack: it is done; the good end of an abort, with the exit code of a roll back.
        Overridden: somebody else drew the stack.
        NeedsPerson: a living driver doesn't answer, or it ended otherwise.
    """
    opened = _ask(services, environment, Kind.ABORT, reason or "aborted by hand")
    try:
        go_on(services, opened)
    except LeaseTaken as taken:
        services.report.line(f"asked the driver to give promotion {opened.plan.id} up: {taken.message}")
    closed = _await_end(services, opened)
    expect_known(closed)
    raise NeedsPerson(
        f"promotion {closed.plan.id} of {environment} was asked to end, and is {closed.outcome}",
        f"deploy rollback {environment} goes back to what served before",
    )


def _ask(services: Services, environment: str, kind: Kind, reason: str) -> Open:
    services.pipeline.environment(environment)
    journal = services.journals(environment)
    opened = _stoppable(history_of(journal.entries()), environment)

    def if_open(entries: Sequence[Entry]) -> Draft:
        now = _stoppable(history_of(entries), environment)
        return Draft(kind=kind, promotion=now.plan.id, payload={"reason": reason})

    journal.append(if_open)
    return opened


def _stoppable(history: History, environment: str) -> Open:
    now = history.open
    if now is None:
        raise Refused(f"no promotion of {environment} is open", f"deploy status shows what stands in {environment}")
    if not now.can_turn_back:
        step = now.plan.steps[min(now.next_step, len(now.plan.steps) - 1)]
        raise Refused(
            f"promotion {now.plan.id} of {environment} is at {step.name}: the candidate stays",
            f"end it, then go back: deploy resume {environment}; deploy rollback {environment}",
        )
    return now


def _await_end(services: Services, opened: Open) -> Closed:
    """How it ended; whoever drives it gets more time as long as something is written about it."""
    journal, environment = services.journals(opened.plan.environment), opened.plan.environment
    silence = ANSWER_WAIT + float(str(opened.policy.get("poll", 0)))
    written, since = 0, services.clock.monotonic()
    while (closed := _ended(journal, opened)) is None:
        now, seq = services.clock.monotonic(), journal.entries()[-1].seq
        if seq != written:
            written, since = seq, now
        if now > since + silence:
            raise NeedsPerson(
                f"the driver of promotion {opened.plan.id} of {environment} doesn't answer",
                f"draw the checked-in file by hand, that gives stable all traffic: pulumi up -s {environment}",
            )
        services.clock.sleep(ANSWER_POLL)
    return closed


def _ended(journal: Journal, opened: Open) -> Closed | None:
    closed = history_of(journal.entries()).closed
    return next((one for one in closed if one.plan.id == opened.plan.id), None)
