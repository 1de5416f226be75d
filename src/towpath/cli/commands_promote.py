"""Verbs that move releases."""

from typing import TYPE_CHECKING, Annotated

import typer

from towpath.cli import views
from towpath.cli.confirm import confirm_promotion
from towpath.cli.session import Session, session_of
from towpath.cli.views_plan import plan_answer
from towpath.core.errors import UsageError

if TYPE_CHECKING:
    from towpath.app.services import Services
    from towpath.core.history import Closed

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Which model; may be left out where there is one.")]
Environment = Annotated[str, typer.Argument(metavar="ENV", help="Which environment.")]
To = Annotated[str, typer.Option("--to", metavar="ENV", help="The environment it goes to.")]
Release = Annotated[
    str,
    typer.Option(metavar="RELEASE", help="A digest, its first digits, or repository@sha256:…; else what is next."),
]
Commit = Annotated[bool, typer.Option("--commit", help="Commit the stack file afterwards.")]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept in the history.")]


def plan(
    context: typer.Context,
    *,
    model: Model = "",
    to: To,
    release: Release = "",
    rps: Annotated[
        float | None,
        typer.Option(
            metavar="N", help="Requests per second that the canary will see; else what the counters say.", min=0.001
        ),
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 10 when it would act, 3 when a gate refuses.")
    ] = False,
) -> None:
    """Say what a promotion would do.

    Its steps, gates and resources, how long it takes and what its canary can see. Changes nothing.
    """
    from towpath.app import plan as use_case

    session = session_of(context)
    request = use_case.PlanRequest(environment=to, model=model, release=release, requests_per_second=rps)
    planned = use_case.plan(session.world.services(), request)
    document, parts = plan_answer(planned)
    session.output.answer("plan", document, *parts)
    if detailed_exitcode and planned.has_changes:
        raise typer.Exit(code=10 if planned.lets_on else 3)


def promote(  # noqa: PLR0913 - one parameter per option of the command line
    context: typer.Context,
    *,
    model: Model = "",
    to: To,
    release: Release = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    commit: Commit = False,
    override_bad: Annotated[
        str, typer.Option(metavar="REASON", help="Promote a release marked bad all the same.")
    ] = "",
) -> None:
    """Move a release to an environment.

    Gates, candidate, canary, proof; a candidate that is worse is rolled back. An open promotion of the same release is
    gone on with.
    """
    from towpath.app import promote as use_case

    session = session_of(context)
    confirm_promotion(session, to, yes=yes)
    services = session.world.services()
    request = use_case.PromoteRequest(environment=to, model=model, release=release, override_bad=override_bad)
    done = use_case.promote(services, request)
    published = _published(services, done.closed, commit=commit)
    promotion = None if done.closed is None else views.closed_document(done.closed)
    document = {"release": str(done.candidate), "promotion": promotion, "commit": published}
    session.output.answer("promote", document, f"{to} serves {done.candidate}")
    if done.closed is not None and not published:
        _tell_to_commit(session, services, to)


def rollback(
    context: typer.Context,
    *,
    environment: Environment,
    model: Annotated[str, typer.Option(metavar="MODEL", help="Which model; may be left out where there is one.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="RELEASE", help="Where to; else the last good release.")] = "",
    reason: Reason = "",
    commit: Commit = False,
) -> None:
    """Serve the last good release again.

    At once, without a build and without a judge; what served is marked bad. In the middle of a canary: give it up.
    """
    from towpath.app import rollback as use_case

    session = session_of(context)
    services = session.world.services()
    request = use_case.RollbackRequest(environment=environment, model=model, to=to, reason=reason)
    done = use_case.rollback(services, request)
    published = _published(services, done, commit=commit)
    document = {"promotion": None if done is None else views.closed_document(done), "commit": published}
    what = "the canary was given up" if done is None else f"{environment} serves {done.plan.candidate}"
    session.output.answer("rollback", document, what)
    if done is not None and not published:
        _tell_to_commit(session, services, environment)


def pause(context: typer.Context, *, environment: Environment, reason: Reason = "") -> None:
    """Hold an open promotion where it is.

    A step that has begun ends, and no other begins. Its canary is looked at all the same, and rolled back when it is
    bad. deploy resume goes on.
    """
    from towpath.app import control

    session = session_of(context)
    opened = control.pause(session.world.services(), environment, reason)
    document = {"environment": environment, "promotion": views.open_document(opened)}
    session.output.answer("pause", document, f"promotion {opened.plan.id} of {environment} is paused")


def abort(context: typer.Context, *, environment: Environment, reason: Reason = "") -> None:
    """Give an open promotion up.

    Stable gets all traffic again; ends with exit code 5, as every roll back.
    """
    from towpath.app import control

    control.abort(session_of(context).world.services(), environment, reason)


def resume(
    context: typer.Context,
    *,
    environment: Annotated[str, typer.Argument(metavar="ENV", help="Which environment.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every environment; for a schedule.")] = False,
    commit: Commit = False,
) -> None:
    """Go on with a stopped promotion.

    Whether its driver was paused, interrupted or killed.
    """
    from towpath.app import resume as use_case
    from towpath.core.history import Closed

    session = session_of(context)
    if everything == bool(environment):
        raise UsageError("name one environment, or all of them", "deploy resume ENV, or deploy resume --all")
    if everything and commit:
        raise UsageError("--commit is for one environment's promotion", "deploy resume ENV --commit")
    if everything:
        every = use_case.resume_all(session.world.services())
        texts = [f"{name}: {outcome}" for name, outcome in every] or ["nothing was open"]
        session.output.answer("resume", {"ended": [list(pair) for pair in every]}, *texts)
        return
    services = session.world.services()
    now = use_case.resume(services, environment)
    published = _published(services, now if isinstance(now, Closed) else None, commit=commit)
    document, text = views.resumed_answer(environment, now)
    session.output.answer("resume", document | {"commit": published}, text)
    if document["ended"] and not published:
        _tell_to_commit(session, services, environment)
    elif commit and now is not None and not published:
        session.output.note(f"hint: nothing was committed: commit {services.files.path(environment)} once it has ended")


def _published(services: "Services", closed: "Closed | None", *, commit: bool) -> str:
    """The commit of the stack file; empty where none was wanted or nothing was written."""
    from towpath.app.publish import publish

    return publish(services, closed) if commit and closed is not None else ""


def _tell_to_commit(session: Session, services: "Services", environment: str) -> None:
    path = services.files.path(environment)
    session.output.note(f"hint: commit {path}, so that other checkouts draw what serves now")


VERBS = (plan, promote, rollback, pause, abort, resume)
