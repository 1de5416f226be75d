"""Verbs that look and change nothing."""

from typing import Annotated

import typer

from towpath.cli import views
from towpath.cli.session import session_of

Environment = Annotated[str, typer.Argument(metavar="ENV", help="Which environment.")]
Model = Annotated[str, typer.Option(metavar="MODEL", help="Which model; may be left out where there is one.")]


def status(
    context: typer.Context,
    *,
    model: Annotated[str, typer.Option(metavar="MODEL", help="Which model; else all of them.")] = "",
) -> None:
    """Say what every environment serves.

    Release, traffic declared and observed, health, last promotion, and whether the tracked branch has it.
    """
    from towpath.app import status as use_case

    session = session_of(context)
    document, parts = views.status_answer(use_case.status(session.world.services(), model))
    session.output.answer("status", document, *parts)


def history(context: typer.Context, *, environment: Environment) -> None:
    """List the promotions of an environment.

    Newest first, with how each ended and why.
    """
    from towpath.app import status as use_case

    session = session_of(context)
    closed = use_case.history(session.world.services(), environment)
    session.output.answer("history", *views.history_answer(environment, closed))


def releases(
    context: typer.Context,
    *,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Which model; else all of them.")] = "",
) -> None:
    """List what was built, newest first."""
    session = session_of(context)
    pipeline = session.world.pipeline()
    names = [pipeline.model(model).name] if model else [one.name for one in pipeline.models]
    store = session.world.releases()
    session.output.answer("releases", *views.releases_answer([record for name in names for record in store.list(name)]))


def diff(
    context: typer.Context,
    *,
    environment: Environment,
    promotion: Annotated[
        int, typer.Argument(metavar="PROMOTION", help="Its number; else the canary under way or the last one.", min=0)
    ] = 0,
    model: Model = "",
    seconds: Annotated[
        float, typer.Option(metavar="N", help="Watch CPU for so long; 0: not.", min=0.0, max=600.0)
    ] = 5.0,
    tail: Annotated[
        int, typer.Option(metavar="N", help="Search so many log lines of each replica for predictions.", min=1)
    ] = 5000,
) -> None:
    """Compare a canary's candidate with stable.

    Errors, latency, predictions, the slices of the requests in which the answers moved farthest, CPU and memory.
    """
    from towpath.app import diff as use_case
    from towpath.cli.views_diff import diff_answer

    session = session_of(context)
    request = use_case.DiffRequest(
        environment=environment, model=model, promotion=promotion, seconds=seconds, tail=tail
    )
    document, parts = diff_answer(use_case.diff(session.world.services(), request))
    session.output.answer("diff", document, *parts)


VERBS = (status, history, releases, diff)
