"""`deploy resume`: go on with an open promotion wherever its driver stopped, was stopped or was killed."""

import math

from towpath.app.drive import drive, reset
from towpath.app.run import Run
from towpath.app.services import Held, Services
from towpath.core.contract import Endpoint
from towpath.core.errors import NeedsPerson
from towpath.core.history import Closed, Kind, Open
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft
from towpath.core.promotion import Plan, StepKind
from towpath.core.watch import decode_look

_CANARY_KINDS = frozenset({StepKind.SHIFT, StepKind.OBSERVE, StepKind.SCALE})


def resume(services: Services, environment: str) -> Closed | None:
    """End the open promotion of an environment; None when there is none.

    Raises:
        Busy: its driver lives.
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
    with services.leases(environment, f"resuming promotion {now.plan.id}") as held:
        run = _run(services, held, now.plan)
        opened = run.history().open
        if opened is None or opened.plan.id != now.plan.id:
            return None
        _same_program(services, opened)
        if _alone_for(services, run, opened) > _max_gap(opened):
            reset(run, opened, "nobody looked at the candidate for longer than max_gap")
        return drive(run)


def resume_all(services: Services) -> tuple[tuple[str, str], ...]:
    """Resume every environment's open promotion; gives back (environment, how it ended) of those that had one."""
    ended = ((place.name, resume(services, place.name)) for place in services.pipeline.environments)
    return tuple((name, str(closed.outcome)) for name, closed in ended if closed is not None)


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
    if services.program() != opened.plan.program_sha256 and not opened.rolling_back:
        raise NeedsPerson(
            f"infra/ or stacks/ changed since promotion {opened.plan.id} of {opened.plan.environment} was opened",
            f"check out commit {opened.plan.commit[:12] or 'it was opened from'} and resume, "
            f"or give it up: deploy abort {opened.plan.environment}",
        )


def _alone_for(services: Services, run: Run, opened: Open) -> float:
    """Seconds since anybody looked, for a candidate that has traffic; 0 for one that hasn't."""
    step = run.plan.steps[min(opened.next_step, len(run.plan.steps) - 1)]
    if run.plan.stable is None or opened.rolling_back or step.kind not in _CANARY_KINDS or opened.traffic == 0:
        return 0.0
    last = max((entry.time for entry in run.journal.entries() if entry.promotion == run.plan.id), default=opened.since)
    return services.clock.now() - max(last, _last_look(run))


def _last_look(run: Run) -> float:
    chunks = list(run.journal.chunks(run.plan.id).values())
    return decode_look(chunks[-1]).observation.at if chunks else 0.0


def _max_gap(opened: Open) -> float:
    gap = opened.policy.get("max_gap")
    return float(str(gap)) if gap is not None else math.inf
