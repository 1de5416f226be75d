"""`deploy destroy`: an environment or the platform goes away; journal and releases stay."""

from contextlib import ExitStack
from typing import Final

from towpath.app.services import Services
from towpath.core.errors import Refused
from towpath.core.history_codec import history_of

PLATFORM: Final = "platform"


def destroy(services: Services, name: str) -> None:
    """Remove every resource of an environment, or of the platform once no environment uses it.

    Raises:
        UsageError: there is no such environment.
        Refused: a promotion is open there, or environments still stand on the platform.
        Busy: somebody else holds the environment; for the platform, any of them.
    """
    if name == PLATFORM:
        with ExitStack() as held:  # nobody may draw an environment on what is going away
            for environment in services.pipeline.environments:
                held.enter_context(services.leases(environment.name, "destroying the platform"))
            _refuse_while_used(services)
            _destroy(services, name)
        return
    services.pipeline.environment(name)
    with services.leases(name, "destroying it"):
        now = history_of(services.journals(name).entries()).open
        if now is not None:
            raise Refused(
                f"promotion {now.plan.id} of {name} is open",
                f"end it first: deploy resume {name} or deploy abort {name}",
            )
        _destroy(services, name)


def _destroy(services: Services, name: str) -> None:
    with services.report.progress(f"destroying {name}"):
        services.engine.destroy(name)


def _refuse_while_used(services: Services) -> None:
    names = [environment.name for environment in services.pipeline.environments]
    standing = [name for name in names if services.engine.outputs(name).drawn]
    if standing:
        commands = "; ".join(f"deploy destroy {name}" for name in standing)
        raise Refused(f"{', '.join(standing)} still stand on the platform", f"destroy them first: {commands}")
