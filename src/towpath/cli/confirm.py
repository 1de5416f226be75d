"""Questions before deeds; only where a person is there to answer."""

from towpath.cli.session import Session
from towpath.core.errors import Refused, UsageError


def confirm_promotion(session: Session, environment: str, *, yes: bool) -> None:
    """Ask before a protected environment changes, on a terminal; a script that says where to is taken at its word.

    Raises:
        Refused: the person said no.
    """
    protected = session.world.pipeline().environment(environment).protected
    if yes or not protected or not session.output.interactive:
        return
    if session.output.ask(f"Promote to {environment}? [y/N] ").lower() not in {"y", "yes"}:
        raise Refused(f"promotion to {environment} was not confirmed")


def confirm_destruction(session: Session, name: str, *, protected: bool, yes: bool, named: str) -> None:
    """Make sure that everything of an environment is meant to go.

    Raises:
        UsageError: no person is there and the options don't say it.
        Refused: the person didn't type the name.
    """
    if named and named != name:
        raise UsageError(f"--confirm {named} doesn't name {name}", f"--confirm {name}")
    if yes and (named or not protected):
        return
    if not session.output.interactive:
        needed = f"--yes --confirm {name}" if protected else "--yes"
        raise UsageError(f"destroying {name} has to be confirmed, and nobody is here to be asked", f"say {needed}")
    typed = session.output.ask(f"Everything of {name} will be destroyed. Type its name to go on: ")
    if typed != name:
        raise Refused(f"{name} was not confirmed; nothing was destroyed")
