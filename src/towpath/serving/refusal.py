"""An answer that isn't a prediction: a status, a sentence, and where there are several, every problem."""

from collections.abc import Mapping, Sequence

from starlette.requests import Request
from starlette.responses import Response

from towpath.serving.protocol import encode


class Refusal(Exception):  # noqa: N818 - it is an answer
    """Ends a request with this status; safe to show to a caller."""

    def __init__(
        self, status: int, error: str, problems: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.problems = tuple(problems)
        self.headers = headers


async def answer_refusal(_request: Request, error: Exception) -> Response:
    """The protocol's error object."""
    if not isinstance(error, Refusal):
        raise error
    document: dict[str, object] = {"error": error.error}
    if error.problems:
        document["problems"] = list(error.problems)
    return Response(encode(document), error.status, error.headers, media_type="application/json")
