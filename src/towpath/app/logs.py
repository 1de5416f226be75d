"""`deploy logs`: what the replicas of an arm wrote."""

from collections.abc import Iterator
from dataclasses import dataclass

from towpath.app.facts import standing
from towpath.app.services import Services
from towpath.core.errors import Refused


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRequest:
    """What the user asked for.

    Attributes:
        canary: the candidate's replicas instead of stable's.
        follow: go on until interrupted.
        tail: so many of the last lines of each replica.
    """

    environment: str
    model: str = ""
    canary: bool = False
    follow: bool = False
    tail: int = 100


def logs(services: Services, request: LogRequest) -> Iterator[str]:
    """Log lines, each with its replica's name in front.

    Raises:
        Refused: the environment has no such arm.
    """
    here = standing(services, request.environment, request.model)
    endpoint = here.outputs.endpoint(here.endpoint.name)
    arm = None if endpoint is None else endpoint.canary if request.canary else endpoint.stable
    if arm is None:
        what = "no canary" if request.canary else "no release"
        raise Refused(f"{request.environment} runs {what} of {here.model.name}", "deploy status says what stands")
    return services.inventory.logs(
        here.outputs.instance, request.environment, arm.release_id, follow=request.follow, tail=request.tail
    )
