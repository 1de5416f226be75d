"""`deploy promote`: facts, gates, lease, then the steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from towpath.app.drive import drive
from towpath.app.facts import Standing, canary_policy, candidate, gate_facts, standing
from towpath.app.journal import Journal
from towpath.app.resume import ended_meanwhile, go_on
from towpath.app.run import Run
from towpath.app.services import Held, Services
from towpath.core.canary import steps as canary_shares
from towpath.core.canary_codec import policy_to_json
from towpath.core.errors import Busy
from towpath.core.gates import Answer, Gate, answers, require
from towpath.core.history import Closed, Kind, Open
from towpath.core.history_codec import history_of
from towpath.core.journal import Draft, Entry
from towpath.core.plan_codec import plan_to_json
from towpath.core.promotion import Plan, Step, Strategy, canary_steps, first_steps, immediate_steps
from towpath.core.release import ImageRef


@dataclass(frozen=True, kw_only=True, slots=True)
class PromoteRequest:
    """What the user asked for.

    Attributes:
        environment: where to.
        model: which model; empty where deploy.toml has one.
        release: image, digest or its first digits; empty: what the environment before runs.
        override_bad: why a release that was marked bad may go on; empty: it may not.
    """

    environment: str
    model: str = ""
    release: str = ""
    override_bad: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Promoted:
    """How a promotion ended well.

    Attributes:
        closed: the promotion; absent when the environment served the release already.
        candidate: what is served now.
    """

    closed: Closed | None
    candidate: ImageRef


def promote(services: Services, request: PromoteRequest) -> Promoted:
    """Move a release to an environment and prove that it is there.

    Raises:
        UsageError, Refused: nothing was changed.
        Busy: somebody else holds the environment.
        RolledBack, Overridden, NeedsPerson, Interrupted: as `drive` says.
    """
    with services.report.progress(f"looking at {request.environment}"):
        here = standing(services, request.environment, request.model)
        image = candidate(services, here, request.release)
    if here.history.open is not None:
        return _go_on(services, here.history.open, image)
    if here.serving == image and here.endpoint.release == image:
        services.report.line(f"{request.environment} serves {image.short} already")
        return Promoted(closed=None, candidate=image)
    with services.report.progress("asking the gates"):
        gates = answers(gate_facts(services, here, image, request.override_bad))
    require(gates, f"promoting {image.short} to {request.environment}")
    steps, strategy = planned(here)
    closed = open_and_drive(services, here, draft_plan(services, here, image, strategy, steps), gates)
    return Promoted(closed=closed, candidate=image)


def planned(here: Standing) -> tuple[tuple[Step, ...], Strategy]:
    """The steps that bring a release to the environment as its policy says."""
    if here.serving is None:
        return first_steps(here.endpoint.replicas), Strategy.FIRST
    policy = here.environment.canary
    if policy is None:
        return immediate_steps(here.endpoint.replicas, smoke=True), Strategy.IMMEDIATE
    return canary_steps(canary_shares(policy, here.endpoint.replicas), here.endpoint.replicas), Strategy.CANARY


def draft_plan(
    services: Services, here: Standing, image: ImageRef, strategy: Strategy, steps: tuple[Step, ...]
) -> Plan:
    """The promotion as it would be opened now."""
    return Plan(
        id=max(here.history.last_id, here.endpoint.promotion) + 1,
        environment=here.environment.name,
        endpoint=here.endpoint.name,
        model=here.model.name,
        strategy=strategy,
        candidate=image,
        stable=here.serving,
        source=here.environment.promotes_from or "build",
        file_sha256=here.file.sha256,
        program_sha256=services.program(),
        commit=services.git.head(),
        drawn=here.outputs.drawn,
        steps=steps,
    )


def open_and_drive(
    services: Services, here: Standing, plan: Plan, gates: tuple[Gate, ...], *, bad_stable: str = ""
) -> Closed:
    """Take the lease, write the promotion down, and drive it; `bad_stable` says why what serves now is marked bad."""
    journal = services.journals(plan.environment)
    with services.leases(plan.environment, f"promotion of {plan.candidate.short}") as held:
        services.store.create(pinned_key(plan.file_sha256), here.file.text.encode())
        run = Run(services=services, journal=journal, held=held, plan=plan, file=here.file, base=here.endpoint)
        _open(journal, held, run, here, gates)
        if bad_stable and plan.stable is not None:
            run.note(Kind.MARKED_BAD, digest=plan.stable.digest, reason=bad_stable)
        return drive(run)


def pinned_key(sha256: str) -> str:
    """Where the text of a stack file is kept as it was when a promotion was opened."""
    return f"pinned/{sha256}.yaml"


def _open(journal: Journal, held: Held, run: Run, here: Standing, gates: tuple[Gate, ...]) -> None:
    plan = run.plan
    policy = canary_policy(run.services, here, plan.candidate)
    draft = Draft(
        kind=Kind.OPENED,
        promotion=plan.id,
        fence=held.fence,
        payload={
            "plan": plan_to_json(plan),
            "policy": {} if policy is None else policy_to_json(policy),
            "gates": [{"name": g.name, "answer": str(g.answer), "detail": g.detail} for g in gates],
        },
    )

    def unless_taken(entries: Sequence[Entry]) -> Draft:
        history = history_of(entries)
        if history.open is not None or history.last_id >= plan.id:
            raise Busy(f"{plan.environment} was changed by another promotion just now", "look again: deploy status")
        return draft

    journal.append(unless_taken)
    for gate in gates:
        if gate.answer is Answer.OVERRIDDEN:
            run.note(Kind.ALLOWED, digest=plan.candidate.digest, reason=gate.detail)


def _go_on(services: Services, opened: Open, image: ImageRef) -> Promoted:
    """The next command goes on with the same promotion; another candidate has to wait."""
    plan = opened.plan
    if plan.candidate != image:
        raise Busy(
            f"promotion {plan.id} of {plan.candidate.short} to {plan.environment} is open, by {opened.actor}",
            f"deploy resume {plan.environment} ends it, deploy abort {plan.environment} gives it up",
        )
    if opened.paused:
        raise Busy(
            f"promotion {plan.id} of {plan.environment} is paused: {opened.paused}",
            f"deploy resume {plan.environment} goes on, deploy abort {plan.environment} gives it up",
        )
    services.report.line(f"going on with promotion {plan.id} of {plan.environment}")
    return Promoted(closed=go_on(services, opened) or ended_meanwhile(services, plan), candidate=image)
