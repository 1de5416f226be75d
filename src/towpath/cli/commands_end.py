"""The verb that takes things away."""

from typing import Annotated

import typer

from towpath.cli.confirm import confirm_destruction
from towpath.cli.session import session_of


def destroy(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="ENV|platform", help="What goes away.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    named: Annotated[str, typer.Option("--confirm", metavar="ENV", help="Its name again, where it is protected.")] = "",
) -> None:
    """Remove an environment or the platform.

    Everything it consists of; journal, releases and images stay.
    """
    from towpath.app import destroy as use_case

    session = session_of(context)
    pipeline = session.world.pipeline()
    protected = name != use_case.PLATFORM and pipeline.environment(name).protected
    confirm_destruction(session, name, protected=protected, yes=yes, named=named)
    use_case.destroy(session.world.services(), name)
    session.output.answer("destroy", {"destroyed": name}, f"{name} is destroyed")


VERBS = (destroy,)
