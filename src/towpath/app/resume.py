"""`deploy resume`: go on with an open promotion wherever its driver stopped, was stopped or was killed."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

from towpath.app.drive import drive, expect_known, reset
from towpath.app.heard import last_heard
from towpath.app.lease import LeaseLost
from towpath.app.run import Run
from towpath.app.services import Held, Services
from towpath.core.contract import Endpoint
from towpath.core.errors import Interrupted, NeedsPerson
from towpath.core.history import Closed, Kind, Open, ramp_index
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft
from towpath.core.lease import LeaseTaken
from towpath.core.promotion import Plan


def resume(services: Services, environment: str) -> Closed | Open | None:
    """End the open promotion of an environment, or say how it ended meanwhile; None when there is none.

    Gives back the open promotion where it was paused and a living driver goes on with it.

    Raises:
        Busy: its driver lives and wasn't paused, or another engine holds the stack.
        NeedsPerson: the program changed since it was opened, or what `drive` says.
        RolledBack, Overridden, Interrupted: as `drive` says.
    """
    services.pipeline.environment(environment)
    journal = services.journals(environment)
    now = history_of(journal.entries()).open
    if now is None:
        return None
    if now.paused:
        journal.append(lambda _entries: Draft(kind=Kind.UNPAUSED, promotion=now.plan.id, payload={}))
    try:
        return go_on(services, now) or ended_meanwhile(services, now.plan)
    except LeaseTaken as taken:
        if not now.paused:
            raise
        services.report.line(f"promotion {now.plan.id} of {environment} goes on: {taken.message}")
        return now


def go_on(services: Services, now: Open) -> Closed | None:
    """Drive an open promotion to its end; None when it has ended meanwhile.

    Raises:
        LeaseTaken: its driver lives.
        TowpathError: as `resume`.
    """
    with services.leases(now.plan.environment, f"resuming promotion {now.plan.id}") as held:
        run = _run(services, held, now.plan)
        opened = run.history().open
        if opened is None or opened.plan.id != now.plan.id:
            return None
        if _alone_for(services, run, opened) > _max_gap(opened):
            reset(run, opened, "nobody looked at the candidate for longer than max_gap")
        return drive(run)


def ended_meanwhile(services: Services, plan: Plan) -> Closed:
    """How a promotion ended that another driver brought to its end.

    Raises:
        TowpathError: badly, as `drive` says.
    """
    closed = history_of(services.journals(plan.environment).entries()).closed
    ended = next(one for one in reversed(closed) if one.plan.id == plan.id)
    services.report.line(f"promotion {plan.id} of {plan.environment} was ended by another driver: {ended.outcome}")
    expect_known(ended)
    return ended


def resume_all(services: Services) -> tuple[tuple[str, str], ...]:
    """Go on with every environment's open promotion; gives back (environment, how it ended) of those that had one.

    Made for a schedule: whose driver lives is left to it, what a person paused stays paused, and one that ends badly,
    or whose journal can't be read, doesn't keep the others waiting.

    Raises:
        Exception: of the first that ended badly, once all had their turn.
    """
    failed: list[Exception] = []
    found: list[Open] = []
    for place in services.pipeline.environments:
        with _told(services, place.name, failed):
            found += _needy(services, place.name)
    ended: list[tuple[str, str]] = []
    for now in sorted(found, key=lambda now: bool(now.paused)):  # a pause may last, so whoever paused comes last
        name = now.plan.environment
        with _told(services, name, failed):
            closed = _left_alone(services, now)
            ended += [] if closed is None else [(name, str(closed.outcome))]
    if failed:
        raise failed[0]
    return tuple(ended)


def _needy(services: Services, environment: str) -> list[Open]:
    """What is open there and needs somebody: while it is paused, only a candidate that may have traffic."""
    now = history_of(services.journals(environment).entries()).open
    return [] if now is None or (now.paused and now.started < ramp_index(now.plan)) else [now]


@contextmanager
def _told(services: Services, environment: str, failed: list[Exception]) -> Iterator[None]:
    """Say what goes wrong, keep it, and go on with the next environment; only the user stops all."""
    try:
        yield
    except Exception as error:
        if isinstance(error, Interrupted) and not isinstance(error, LeaseLost):
            raise
        services.report.line(f"{environment}: {error}")
        failed.append(error)


def _left_alone(services: Services, now: Open) -> Closed | None:
    try:
        return go_on(services, now)
    except LeaseTaken as taken:
        services.report.line(f"left to its driver: {taken.message}")
        return None


def _run(services: Services, held: Held, plan: Plan) -> Run:
    text = services.store.get(f"pinned/{plan.file_sha256}.yaml")
    if text is None:
        raise NeedsPerson(
            f"the stack file that promotion {plan.id} of {plan.environment} started from is missing from the state",
            f"restore the state, or draw the checked-in file by hand: pulumi up -s {plan.environment}",
        )
    file = services.files.parse(plan.environment, text.decode())
    return Run(
        services=services,
        journal=services.journals(plan.environment),
        held=held,
        plan=plan,
        file=file,
        base=_endpoint(file.endpoint(plan.endpoint), plan),
    )


def _endpoint(endpoint: Endpoint | None, plan: Plan) -> Endpoint:
    if endpoint is None:
        raise NeedsPerson(f"the pinned stack file of promotion {plan.id} has no endpoint {plan.endpoint}")
    return endpoint


def _alone_for(services: Services, run: Run, opened: Open) -> float:
    """Seconds since anybody looked, for a candidate that may have traffic; 0 for one that surely hasn't."""
    ramps = opened.started >= ramp_index(opened.plan)  # whether or not that step got as far as being noted as done
    if run.plan.stable is None or opened.rolling_back or not opened.can_turn_back or not ramps:
        return 0.0
    return services.clock.now() - last_heard(run.journal, opened)


def _max_gap(opened: Open) -> float:
    gap = opened.policy.get("max_gap")
    return float(str(gap)) if gap is not None else math.inf
