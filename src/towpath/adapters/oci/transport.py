"""HTTP to registries: scheme, login and retries in one place."""

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import urllib3

from towpath.adapters.oci.auth import Authority, is_local
from towpath.adapters.oci.credentials import Credentials
from towpath.adapters.oci.retry import RETRIED, TransientError, asked_wait, retried
from towpath.adapters.oci.urls import same_origin
from towpath.adapters.oci.wire import Body, Request, Response, Wire, read
from towpath.app.ports import Clock
from towpath.core.errors import Refused, TowpathError

UNAUTHORIZED, FORBIDDEN = 401, 403
_HUB, _HUB_HOST = "docker.io", "registry-1.docker.io"
_SMALL = 4 * 1024 * 1024
_TIMEOUT = urllib3.Timeout(connect=10, read=300)

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
    """An answer that was read to its end; `url` is who gave it."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str


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
        self._wire = Wire(pool or urllib3.PoolManager(maxsize=16, timeout=_TIMEOUT))
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
        url, response = self._answered(call)
        content = read(call.registry, response, _SMALL)
        if len(content) > _SMALL:
            raise Refused(f"registry {call.registry} answered more than 4 MiB to {call.method} {_path(call.url)}")
        return Reply(status=response.status, headers=response.headers, content=content, url=url)

    def stream(self, call: Call) -> Response:
        """One attempt, its body left to be read by the caller.

        Raises:
            TransientError: a failure by chance.
            Refused: the registry doesn't let this user in.
        """
        return self._answered(call)[1]

    def _answered(self, call: Call) -> tuple[str, Response]:
        sent = self._authority.header(call.registry, call.scopes)
        url, response = self._wire.open(self._request(call, sent))
        if response.status == UNAUTHORIZED and "WWW-Authenticate" in response.headers:
            response.drain_conn()
            asked = response.headers["WWW-Authenticate"]
            header = self._authority.answer(call.registry, asked, call.scopes, sent)
            url, response = self._wire.open(self._request(call, header))
        if response.status in {UNAUTHORIZED, FORBIDDEN}:
            response.drain_conn()
            why = f"it answered {response.status} to {call.method} {_path(call.url)}"
            raise self._authority.denied(call.registry, why)
        self._check(response, _failed(call, response.status))
        return url, response

    def _check(self, response: Response, failure: TowpathError) -> None:
        if response.status in RETRIED:
            wait = asked_wait(response.headers, self._clock.now())
            response.drain_conn()
            raise TransientError(failure, wait)

    def _request(self, call: Call, authorization: str | None) -> Request:
        root = self.root(call.registry)
        url = root + call.url if call.url.startswith("/") else call.url
        known = authorization is not None and same_origin(url, root)
        return Request(
            registry=call.registry,
            method=call.method,
            url=url,
            headers=call.headers,
            secret={"Authorization": authorization or ""} if known else {},
            body=call.body,
        )

    def _fetch_token(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        # A body here is a secret, which no redirect may carry elsewhere.
        where = urllib.parse.urlsplit(url).netloc
        request = Request(registry=where, method=method, url=url, secret=headers)
        if body is not None:
            request = replace(request, body=lambda: body, hops=0)

        def once() -> tuple[int, bytes]:
            _, response = self._wire.open(request)
            self._check(response, Refused(f"token service {url.partition('?')[0]} answered {response.status}", _LATER))
            return response.status, read(where, response, _SMALL)

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
