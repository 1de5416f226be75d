"""`deploy resume`: go on with an open promotion wherever its driver stopped, was stopped or was killed."""

import math

from towpath.app.drive import drive, reset
from towpath.app.lease import LeaseLost
from towpath.app.run import Run
from towpath.app.services import Held, Services
from towpath.core.contract import Endpoint
from towpath.core.errors import Interrupted, NeedsPerson, TowpathError
from towpath.core.history import Closed, Kind, Open, ramp_index
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft
from towpath.core.lease import LeaseTaken
from towpath.core.promotion import Plan
from towpath.core.watch import decode_look


def resume(services: Services, environment: str) -> Closed | Open | None:
    """End the open promotion of an environment; None when there is none.

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
        return go_on(services, now)
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
        _same_program(services, opened)
        if _alone_for(services, run, opened) > _max_gap(opened):
            reset(run, opened, "nobody looked at the candidate for longer than max_gap")
        return drive(run)


def resume_all(services: Services) -> tuple[tuple[str, str], ...]:
    """Go on with every environment's open promotion; gives back (environment, how it ended) of those that had one.

    Made for a schedule: whose driver lives is left to it, what a person paused stays paused, and one that ends badly
    doesn't keep the others waiting.

    Raises:
        TowpathError: of the first that ended badly, once all had their turn.
    """
    ended: list[tuple[str, str]] = []
    failed: list[TowpathError] = []
    for now in _in_turn(services):
        name = now.plan.environment
        try:
            closed = _left_alone(services, now)
        except TowpathError as error:
            if isinstance(error, Interrupted) and not isinstance(error, LeaseLost):
                raise
            services.report.line(f"{name}: {error.message}")
            failed.append(error)
        else:
            ended += [] if closed is None else [(name, str(closed.outcome))]
    if failed:
        raise failed[0]
    return tuple(ended)


def _in_turn(services: Services) -> list[Open]:
    """What is open and needs somebody; a pause may last, so whoever paused comes last, and not without traffic."""
    found = [history_of(services.journals(place.name).entries()).open for place in services.pipeline.environments]
    needy = [now for now in found if now is not None and (not now.paused or now.started >= ramp_index(now.plan))]
    return sorted(needy, key=lambda now: bool(now.paused))


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


def _same_program(services: Services, opened: Open) -> None:
    goes_back = opened.rolling_back or (opened.abort and opened.can_turn_back)
    if services.program() != opened.plan.program_sha256 and not goes_back:
        raise NeedsPerson(
            f"infra/ or stacks/ changed since promotion {opened.plan.id} of {opened.plan.environment} was opened",
            f"check out commit {opened.plan.commit[:12] or 'it was opened from'} and resume, "
            f"or give it up: deploy abort {opened.plan.environment}",
        )


def _alone_for(services: Services, run: Run, opened: Open) -> float:
    """Seconds since anybody looked, for a candidate that has traffic; 0 for one that hasn't."""
    if run.plan.stable is None or opened.rolling_back or not opened.can_turn_back or opened.traffic == 0:
        return 0.0
    driven = (one.time for one in run.journal.entries() if one.promotion == run.plan.id and one.fence)
    last = max(driven, default=opened.since)
    return services.clock.now() - max(last, _last_look(run))


def _last_look(run: Run) -> float:
    chunks = list(run.journal.chunks(run.plan.id).values())
    return decode_look(chunks[-1]).observation.at if chunks else 0.0


def _max_gap(opened: Open) -> float:
    gap = opened.policy.get("max_gap")
    return float(str(gap)) if gap is not None else math.inf
