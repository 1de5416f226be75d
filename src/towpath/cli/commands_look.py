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
    model: Model = "",
    everything: Annotated[bool, typer.Option("--all", help="Every model.")] = False,
) -> None:
    """Say what every environment serves.

    Release, traffic declared and observed, health, last promotion, and whether the tracked branch has it.
    """
    from towpath.app import status as use_case

    session = session_of(context)
    services = session.world.services()
    names = [one.name for one in services.pipeline.models] if everything else [model]
    found = [status for name in names for status in use_case.status(services, name)]
    document, parts = views.status_answer(found)
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


VERBS = (status, history, releases)
