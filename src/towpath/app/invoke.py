"""`deploy invoke`: one request to an endpoint, as a caller would send it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, Protocol

from towpath.app.services import Services
from towpath.core.errors import NeedsPerson, Refused, UsageError
from towpath.core.outputs import EndpointOutput
from towpath.core.release import ImageRef

RELEASE_HEADER: Final = "x-towpath-release"  # the router puts the release's identity on a platform into every answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP's.
        headers: by name in small letters.
        body: as it came.
        seconds: from the first byte sent to the last one read.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes
    seconds: float


class Caller(Protocol):
    """Sends requests."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send JSON and wait for the whole answer, whatever its status.

        Raises:
            NeedsPerson: nobody answers there.
        """


def infer_url(endpoint: str, model: str, path: str) -> str:
    """Where a request goes; without a path, to the inference address of the Open Inference Protocol."""
    return endpoint.rstrip("/") + "/" + (path or f"v2/models/{model}/infer").lstrip("/")


@dataclass(frozen=True, kw_only=True, slots=True)
class InvokeRequest:
    """What the user asked for; an empty path is the inference address of the Open Inference Protocol."""

    environment: str
    body: bytes
    model: str = ""
    path: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Invoked:
    """An endpoint's answer.

    Attributes:
        url: what was asked.
        answer: what it said.
        release: that answered; absent where the answer doesn't say, or says one that isn't drawn.
        arm: stable or canary; empty where that isn't known.
    """

    url: str
    answer: Answer
    release: ImageRef | None
    arm: str


def invoke(services: Services, caller: Caller, request: InvokeRequest) -> Invoked:
    """Send one request.

    Raises:
        UsageError: the endpoint says that the request is wrong.
        Refused: the environment has no endpoint yet.
        NeedsPerson: nobody answers, or the answer is an error of the model's or the router's.
    """
    model = services.pipeline.model(request.model).name
    services.pipeline.environment(request.environment)
    endpoint = services.engine.outputs(request.environment).endpoint(model)
    if endpoint is None:
        raise Refused(
            f"{request.environment} has no endpoint of {model}", f"draw it: pulumi up -s {request.environment}"
        )
    url = infer_url(endpoint.url, model, request.path)
    answer = caller.post(url, request.body, {"content-type": "application/json"})
    _refuse_errors(url, answer)
    arm, release = _served_by(endpoint, answer)
    return Invoked(url=url, answer=answer, release=release, arm=arm)


def _refuse_errors(url: str, answer: Answer) -> None:
    said = f"{url} answered {answer.status}: {answer.body.decode(errors='replace').strip()}"
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise NeedsPerson(said, "deploy status says what is served there, deploy logs what it wrote")
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise UsageError(said, "correct the request; the model's metadata is at /v2/models/NAME")


def _served_by(endpoint: EndpointOutput, answer: Answer) -> tuple[str, ImageRef | None]:
    said = answer.headers.get(RELEASE_HEADER, "")
    for arm, drawn in (("stable", endpoint.stable), ("canary", endpoint.canary)):
        if drawn is not None and said == drawn.release_id:
            return arm, drawn.release
    return "", None
