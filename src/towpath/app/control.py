"""`deploy pause` and `deploy abort`: a word to whoever drives the promotion, or the deed where nobody does."""

from collections.abc import Sequence
from typing import Final

from towpath.app.drive import BEYOND_RETURN
from towpath.app.resume import resume
from towpath.app.services import Services
from towpath.core.errors import Busy, NeedsPerson, Refused
from towpath.core.history import History, Kind, Open
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft, Entry

ANSWER_WAIT: Final = 120.0  # seconds a living driver gets to give the candidate up
ANSWER_POLL: Final = 0.5


def pause(services: Services, environment: str, reason: str) -> Open:
    """Freeze an open promotion where it is: it is looked at, and no step is taken until it is resumed.

    Raises:
        Refused: nothing is open there.
    """
    opened = _ask(services, environment, Kind.PAUSED, reason or "paused by hand")
    services.report.line(f"promotion {opened.plan.id} of {environment} takes no step; deploy resume goes on")
    return opened


def abort(services: Services, environment: str, reason: str) -> None:
    """Give an open promotion up: stable gets all traffic again.

    Raises:
        Refused: nothing is open there, or the candidate carries all traffic already.
        RolledBack: it is done; the good end of an abort, with the exit code of a roll back.
        NeedsPerson: a living driver doesn't answer.
    """
    opened = _ask(services, environment, Kind.ABORT, reason or "aborted by hand")
    try:
        resume(services, environment)
    except Busy as busy:
        services.report.line(f"asked the driver to give promotion {opened.plan.id} up: {busy.message}")
        _await_end(services, environment, opened)


def _ask(services: Services, environment: str, kind: Kind, reason: str) -> Open:
    services.pipeline.environment(environment)
    journal = services.journals(environment)

    def if_open(entries: Sequence[Entry]) -> Draft:
        now = _stoppable(history_of(entries), environment)
        return Draft(kind=kind, promotion=now.plan.id, payload={"reason": reason})

    journal.append(if_open)
    return _stoppable(history_of(journal.entries()), environment)


def _stoppable(history: History, environment: str) -> Open:
    now = history.open
    if now is None:
        raise Refused(f"no promotion of {environment} is open", f"deploy status shows what stands in {environment}")
    step = now.plan.steps[min(now.next_step, len(now.plan.steps) - 1)]
    if step.kind in BEYOND_RETURN:
        raise Refused(
            f"promotion {now.plan.id} of {environment} is at {step.name}: the candidate carries all traffic",
            f"end it, then go back: deploy resume {environment}; deploy rollback {environment}",
        )
    return now


def _await_end(services: Services, environment: str, opened: Open) -> None:
    deadline = services.clock.monotonic() + ANSWER_WAIT
    while history_of(services.journals(environment).entries()).open is not None:
        if services.clock.monotonic() > deadline:
            raise NeedsPerson(
                f"the driver of promotion {opened.plan.id} of {environment} doesn't answer",
                f"draw the checked-in file by hand, that gives stable all traffic: pulumi up -s {environment}",
            )
        services.clock.sleep(ANSWER_POLL)
