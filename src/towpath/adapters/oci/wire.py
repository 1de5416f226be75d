"""One request over the wire: its redirects followed, its failures told by name."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from towpath.adapters.oci.retry import TransientError
from towpath.adapters.oci.urls import joined, same_origin
from towpath.core.errors import Missing, Refused

_SEE_OTHER = 303
_REDIRECTS = frozenset({301, 302, _SEE_OTHER, 307, 308})

Body = Callable[[], "Iterable[bytes] | bytes"]
Response = urllib3.BaseHTTPResponse


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What is asked of a server.

    Attributes:
        registry: whose sake it is for, in messages.
        method: HTTP's.
        url: absolute.
        headers: for whoever answers in the end.
        secret: headers for the server of `url` only.
        body: makes the body, anew for every server it is sent to.
        hops: redirects that are followed; the answer is the next one when there are more.
    """

    registry: str
    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    secret: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None
    hops: int = 5


class Wire:
    """Requests over connections that are kept; safe to share between threads."""

    def __init__(self, pool: urllib3.PoolManager) -> None:
        self._pool = pool

    def open(self, request: Request) -> tuple[str, Response]:
        """Who answered in the end, and the answer, its body left to be read.

        Raises:
            TransientError: a failure by chance.
            Missing: the server's certificate isn't trusted here.
            Refused: a redirect leads nowhere.
        """
        for left in range(request.hops, -1, -1):
            response = self._sent(request)
            location = response.headers.get("Location")
            if not left or not location or response.status not in _REDIRECTS:
                break
            response.drain_conn()
            request = _redirected(request, location, response.status)
        return request.url, response

    def _sent(self, request: Request) -> Response:
        try:
            return self._pool.request(
                request.method,
                request.url,
                headers={**request.headers, **request.secret},
                body=request.body() if request.body else None,
                preload_content=False,
                decode_content=False,
                redirect=False,  # a body that was sent once must be made anew, and a login must not go along
                retries=False,
            )
        except SSLError as error:
            raise _untrusted(request.registry, error) from error
        except HTTPError as error:
            raise TransientError(unreachable(request.registry, error)) from error


def _redirected(request: Request, location: str, status: int) -> Request:
    url = located(request.registry, request.url, location)
    kept = request.secret if same_origin(url, request.url) else {}
    if status == _SEE_OTHER and request.method != "HEAD":
        return replace(request, url=url, secret=kept, method="GET", body=None)
    return replace(request, url=url, secret=kept)


def located(registry: str, base: str, location: str) -> str:
    """Where a Location header leads that was answered at `base`.

    Raises:
        Refused: nowhere; the message doesn't tell it, for such addresses may be signed.
    """
    try:
        return joined(base, location)
    except ValueError:
        raise Refused(
            f"registry {registry} sends on to something that is no address of the web",
            "this is the registry's own answer; ask whoever runs it, or use another repository",
        ) from None


def read(registry: str, response: Response, limit: int) -> bytes:
    """The body, or a byte more than the limit where it is longer.

    Raises:
        TransientError: it breaks off or stalls.
    """
    try:
        content = response.read(limit + 1, decode_content=True)
    except HTTPError as error:
        raise TransientError(unreachable(registry, error)) from error
    if len(content) > limit:
        response.close()
    response.drain_conn()
    response.release_conn()
    return content


def unreachable(registry: str, error: Exception) -> Missing:
    """A registry that doesn't answer, or stops in the middle of it."""
    return Missing(f"registry {registry} can't be reached: {error}", "`deploy doctor` says whether it should run here")


def _untrusted(registry: str, error: Exception) -> Missing:
    return Missing(
        f"registry {registry} has no certificate this machine trusts: {error}",
        "add its authority to the system's certificates, or name the registry as insecure if it speaks plain http",
    )
