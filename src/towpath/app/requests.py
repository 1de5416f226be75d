"""`deploy requests`: what users asked, as rows for probes."""

from dataclasses import dataclass
from typing import Final

from towpath.app.logs import LogRequest, logs
from towpath.app.services import Services
from towpath.core.errors import Refused
from towpath.core.prediction_lines import SAMPLE
from towpath.core.recorded import Recorded, recorded

_LINES: Final = 100_000  # of each replica, from its end


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestsRequest:
    """What the user asked for.

    Attributes:
        environment: whose requests.
        model: which model; empty where deploy.toml has one.
        most: so many of the newest.
    """

    environment: str
    model: str = ""
    most: int = 200


def requests(services: Services, asked: RequestsRequest) -> Recorded:
    """Requests that stable answered, from its log of predictions.

    Raises:
        Refused: there is no release, or its log holds no whole request.
    """
    lines = logs(services, LogRequest(environment=asked.environment, model=asked.model, tail=_LINES))
    found = recorded(lines, asked.most)
    if not found.requests:
        raise Refused(_nothing(asked.environment, found), _hint(found))
    return found


def _nothing(environment: str, found: Recorded) -> str:
    if not found.lines:
        return f"stable of {environment} writes no log of predictions"
    return (
        f"none of the {found.lines} predictions that stable of {environment} logged can be asked again: {found.probes} "
        f"were probes, {found.failed} failed, {found.partial} aren't logged whole, {found.unread} can't be read"
    )


def _hint(found: Recorded) -> str:
    if not found.lines:
        return f"set {SAMPLE} to a share of the requests in the endpoint's env; the serving kit writes the log"
    return "requests of more than 4 rows or 64 values, or with inputs that stay out of the log, are never whole"
