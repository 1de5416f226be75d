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

ANSWER_WAIT: Final = 900.0  # seconds in which a living driver has to write something; starting replicas is the longest
ANSWER_POLL: Final = 1.0


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
        if now.plan.id != opened.plan.id:
            raise Refused(f"promotion {opened.plan.id} of {environment} has just ended", "look again: deploy status")
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
    """How it ended: by its driver, which has time as long as it writes something, or by us once there is none."""
    journal, clock = services.journals(opened.plan.environment), services.clock
    written, since, told = 0, clock.monotonic(), ""
    while (closed := _ended(journal, opened)) is None:
        seq = journal.entries()[-1].seq
        if seq != written:
            written, since = seq, clock.monotonic()
        holder = _give_up(services, opened)
        if holder and holder != told:
            services.report.line(f"its driver was asked to give it up: {holder}")
            told = holder
        if holder and clock.monotonic() > since + ANSWER_WAIT:
            raise NeedsPerson(
                f"the driver of promotion {opened.plan.id} doesn't answer: {holder}",
                f"see what stands: deploy status; to wait on: deploy abort {opened.plan.environment}",
            )
        clock.sleep(ANSWER_POLL if holder else 0.0)
    return closed


def _give_up(services: Services, opened: Open) -> str:
    """Who drives it and was asked; empty where nobody did, and it is done."""
    try:
        go_on(services, opened)
    except LeaseTaken as taken:
        return taken.message
    return ""


def _ended(journal: Journal, opened: Open) -> Closed | None:
    closed = history_of(journal.entries()).closed
    return next((one for one in closed if one.plan.id == opened.plan.id), None)
