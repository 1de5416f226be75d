"""`deploy rollback`: the last good release serves again, without judge, dry run, registry or build."""

from dataclasses import dataclass, replace

from towpath.app.control import abort
from towpath.app.facts import Standing, candidate, standing
from towpath.app.promote import draft_plan, open_and_drive
from towpath.app.services import Services
from towpath.core.errors import Busy, Refused, RolledBack
from towpath.core.history import Closed, Open
from towpath.core.promotion import Strategy, immediate_steps
from towpath.core.release import ImageRef


@dataclass(frozen=True, kw_only=True, slots=True)
class RollbackRequest:
    """What the user asked for.

    Attributes:
        environment: where.
        model: which model; empty where deploy.toml has one.
        to: a release by image, digest or first digits; empty: the last good one.
        reason: why what serves now is bad; it can't be promoted there again without an override.
    """

    environment: str
    model: str = ""
    to: str = ""
    reason: str = ""


def rollback(services: Services, request: RollbackRequest) -> Closed | None:
    """Serve the last good release; gives back the promotion that did it, or None where a canary was given up instead.

    Raises:
        Refused: there is nothing to go back to, or what was named isn't known to be good there.
        Busy, Overridden, NeedsPerson, Interrupted: as a promotion; Busy too while another model is promoted there.
    """
    here = standing(services, request.environment, request.model)
    reason = request.reason or "rolled back by hand"
    named = _known_good(here, candidate(services, here, request.to)) if request.to else None
    if here.history.open is not None:
        _give_up(services, here, here.history.open, reason)
        here = standing(services, request.environment, request.model)
        if named in {None, here.serving}:
            return None
    target = named or last_good(here)
    steps = immediate_steps(here.endpoint.replicas, smoke=False)
    plan = replace(draft_plan(services, here, target, Strategy.IMMEDIATE, steps), source="rollback", back=reason)
    bad = "" if here.serving is None or here.serving == target else reason
    return open_and_drive(services, here, plan, (), bad_stable=bad)


def _give_up(services: Services, here: Standing, opened: Open, reason: str) -> None:
    """End the canary of the same model; another model's isn't what was asked about."""
    name = here.environment.name
    if opened.plan.model != here.model.name:
        raise Busy(
            f"promotion {opened.plan.id} of {opened.plan.model} to {name} is open, and there is one at a time",
            f"deploy abort {name} gives it up; then roll {here.model.name} back",
        )
    try:
        abort(services, name, reason)
    except RolledBack as done:
        services.report.line(done.message)


def _known_good(here: Standing, target: ImageRef) -> ImageRef:
    """A rollback asks no gates and looks at nothing, so it goes only where those have let something through.

    Raises:
        Refused: the release was never promoted there, or was marked bad there.
    """
    name, bad = here.environment.name, here.history.bad_reason(target)
    again = f"deploy promote --to {name} --release {target.short}"
    if bad:
        raise Refused(f"{target.short} was marked bad in {name}: {bad}", f"{again} --override-bad REASON")
    if not here.history.served(here.endpoint.name, target):
        raise Refused(f"{target.short} never served in {name}, so there is no going back to it", again)
    return target


def last_good(here: Standing) -> ImageRef:
    """Where a rollback goes.

    Raises:
        Refused: no other release was ever promoted there, or all of them are marked bad.
    """
    target = here.history.last_good(here.endpoint.name, here.serving)
    if target is None:
        serving = "nothing" if here.serving is None else here.serving.short
        raise Refused(
            f"{here.environment.name} serves {serving}, and no other release was promoted there that isn't marked bad",
            f"name one: deploy rollback {here.environment.name} --to DIGEST",
        )
    return target
