"""HTTP to registries: scheme, login, redirects and retries in one place."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import urllib3
from urllib3.exceptions import HTTPError, MaxRetryError, SSLError

from towpath.adapters.oci.auth import Authority, denied, is_local
from towpath.adapters.oci.credentials import Credentials
from towpath.adapters.oci.retry import RETRIED, TransientError, asked_wait, retried
from towpath.app.ports import Clock
from towpath.core.errors import Missing, Refused, TowpathError

UNAUTHORIZED, FORBIDDEN = 401, 403
_HUB, _HUB_HOST = "docker.io", "registry-1.docker.io"
_SMALL = 4 * 1024 * 1024
_FOLLOW = urllib3.Retry(total=None, connect=0, read=0, redirect=5, status=0, other=0, raise_on_redirect=True)
_TIMEOUT = urllib3.Timeout(connect=10, read=300)

Body = Callable[[], "Iterable[bytes] | bytes"]
Response = urllib3.BaseHTTPResponse
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to a registry.

    Attributes:
        method: HTTP's.
        registry: its host, with the port where one is named.
        url: absolute, or a path of the registry that begins with a slash.
        scopes: what a token must allow: `repository:name:pull,push`.
        headers: beside the login.
        body: makes the body anew for every attempt.
    """

    method: str
    registry: str
    url: str
    scopes: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Transport:
    """Requests to any registry; safe to share between threads."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        clock: Clock,
        insecure: frozenset[str] = frozenset(),
        attempts: int = 5,
        pool: urllib3.PoolManager | None = None,
    ) -> None:
        self._pool = pool or urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT)
        self._clock = clock
        self._insecure = insecure
        self._attempts = attempts
        self._authority = Authority(credentials, self._fetch_token)

    def root(self, registry: str) -> str:
        """Scheme and host of a registry: http on this machine and where it was allowed, https everywhere else."""
        plain = is_local(registry) or registry in self._insecure
        host = _HUB_HOST if registry == _HUB else registry
        return f"{'http' if plain else 'https'}://{host}"

    def retried(self, once: Callable[[], T]) -> T:
        """Run something made of `once` calls until it doesn't fail by chance."""
        return retried(once, self._clock, self._attempts)

    def send(self, call: Call) -> Reply:
        """The answer, whatever its status; tried again when it failed by chance."""
        return self.retried(lambda: self.once(call))

    def once(self, call: Call) -> Reply:
        """One attempt.

        Raises:
            TransientError: a failure by chance.
        """
        response = self.stream(call)
        try:
            content = response.read(_SMALL + 1, decode_content=True)
        except HTTPError as error:
            raise TransientError(unreachable(call.registry, error)) from error
        if len(content) > _SMALL:
            response.close()
            raise Refused(f"registry {call.registry} answered more than 4 MiB to {call.method} {_path(call.url)}")
        response.drain_conn()
        response.release_conn()
        return Reply(status=response.status, headers=response.headers, content=content)

    def stream(self, call: Call) -> Response:
        """One attempt, its body left to be read by the caller.

        Raises:
            TransientError: a failure by chance.
            Refused: the registry doesn't let this user in.
        """
        sent = self._authority.header(call.registry, call.scopes)
        response = self._raw(call, sent)
        if response.status == UNAUTHORIZED and "WWW-Authenticate" in response.headers:
            response.drain_conn()
            challenge = response.headers["WWW-Authenticate"]
            header = self._authority.answer(call.registry, challenge, call.scopes, sent)
            response = self._raw(call, header)
        if response.status in {UNAUTHORIZED, FORBIDDEN}:
            response.drain_conn()
            raise denied(call.registry, f"it answered {response.status} to {call.method} {_path(call.url)}")
        if response.status in RETRIED:
            wait = asked_wait(response.headers, self._clock.now())
            response.drain_conn()
            raise TransientError(_failed(call, response.status), wait)
        return response

    def _raw(self, call: Call, authorization: str | None) -> Response:
        url = self.root(call.registry) + call.url if call.url.startswith("/") else call.url
        headers = dict(call.headers)
        if authorization is not None and url.startswith(self.root(call.registry) + "/"):
            headers["Authorization"] = authorization
        return self._open(call.registry, call.method, url, headers, call.body() if call.body else None)

    def _open(
        self, registry: str, method: str, url: str, headers: Mapping[str, str], body: Iterable[bytes] | bytes | None
    ) -> Response:
        try:
            return self._pool.request(
                method, url, headers=headers, body=body, preload_content=False, decode_content=False, retries=_FOLLOW
            )
        except (SSLError, MaxRetryError) as error:
            if isinstance(error, SSLError) or isinstance(error.reason, SSLError):
                raise _untrusted(registry, error) from error
            raise TransientError(unreachable(registry, error)) from error
        except HTTPError as error:
            raise TransientError(unreachable(registry, error)) from error

    def _fetch_token(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        def once() -> tuple[int, bytes]:
            response = self._open(url.split("/")[2], method, url, headers, body)
            content = response.read(_SMALL)
            response.release_conn()
            if response.status in RETRIED:
                wait = asked_wait(response.headers, self._clock.now())
                failure = Refused(f"token service {url.partition('?')[0]} answered {response.status}", _LATER)
                raise TransientError(failure, wait)
            return response.status, content

        return self.retried(once)


_LATER = "try again in a few minutes; nothing was changed"


def _path(url: str) -> str:
    return "/" + url.partition("?")[0].split("/", 3)[-1] if "://" in url else url.partition("?")[0]


def _failed(call: Call, status: int) -> TowpathError:
    return Refused(f"registry {call.registry} answered {status} to {call.method} {_path(call.url)}", _LATER)


def unexpected(call: Call, reply: Reply) -> Refused:
    """An answer the protocol doesn't allow here; the registry's own words are in the message."""
    said = reply.content[:300].decode(errors="replace").strip()
    return Refused(
        f"registry {call.registry} answered {reply.status} to {call.method} {_path(call.url)}: {said}",
        "this is the registry's own refusal; ask whoever runs it, or use another repository",
    )


def unreachable(registry: str, error: Exception) -> Missing:
    """A registry that doesn't answer, or stops in the middle of it."""
    reason = getattr(error, "reason", None) or error
    return Missing(f"registry {registry} can't be reached: {reason}", "`deploy doctor` says whether it should run here")


def _untrusted(registry: str, error: Exception) -> Missing:
    reason = getattr(error, "reason", None) or error
    return Missing(
        f"registry {registry} has no certificate this machine trusts: {reason}",
        "add its authority to the system's certificates, or name the registry as insecure if it speaks plain http",
    )
