"""Answers to a registry's challenge: Bearer tokens by scope, or basic."""

import json
import re
import threading
import urllib.parse
from typing import Protocol

from towpath.adapters.oci.challenges import Challenge, choose_challenge, read_challenges
from towpath.adapters.oci.credentials import Credentials, HelperFailedError, Login
from towpath.core.errors import Refused

_CLIENT = "towpath"
_WRITABLE = re.compile(r"[!-~]+")


class TokenCall(Protocol):
    """Fetches a token; the transport does it, so that tokens get its retries."""

    def __call__(self, method: str, url: str, headers: dict[str, str], body: bytes | None) -> tuple[int, bytes]:
        """Status and body."""


class Authority:
    """Headers by registry and scope, remembered until a registry refuses them."""

    def __init__(self, credentials: Credentials, call: TokenCall) -> None:
        self._credentials = credentials
        self._call = call
        self._known: dict[tuple[str, tuple[str, ...]], str] = {}
        self._failed: dict[str, HelperFailedError] = {}
        self._lock = threading.Lock()

    def header(self, registry: str, scopes: tuple[str, ...]) -> str | None:
        """What was accepted before for these scopes, or for the whole registry."""
        return self._known.get((registry, scopes)) or self._known.get((registry, ()))

    def answer(self, registry: str, header: str, scopes: tuple[str, ...], refused: str | None) -> str:
        """The header that answers a challenge; `refused` is the one just sent, if any.

        Raises:
            Refused: there is no login, or it isn't accepted.
        """
        with self._lock:
            known = self.header(registry, scopes)
            if known is not None and known != refused:
                return known
            challenge = _answerable(registry, header)
            if challenge.scheme == "basic":
                return self._basic(registry, refused)
            value = f"Bearer {self._token(registry, challenge, scopes)}"
            self._known[registry, scopes] = value
            return value

    def denied(self, registry: str, why: str) -> Refused:
        """A registry that doesn't let this user in; names the helper that may be why."""
        failed = self._failed.get(registry)
        said = f"registry {registry} denied access: {why}"
        if failed is not None:
            return Refused(f"{said}; {failed.message}", failed.hint)
        return Refused(said, f"log in with an account that may use it: docker login {registry}")

    def _login(self, registry: str) -> Login | None:
        self._failed.pop(registry, None)
        try:
            return self._credentials.login(registry)
        except HelperFailedError as error:
            self._failed[registry] = error  # told only if the registry doesn't answer without a login
            return None

    def _basic(self, registry: str, refused: str | None) -> str:
        login = self._login(registry)
        if login is None or login.basic == refused:
            raise self.denied(registry, "login was not accepted" if login else "no login is known")
        self._known[registry, ()] = login.basic
        return login.basic

    def _token(self, registry: str, challenge: Challenge, scopes: tuple[str, ...]) -> str:
        realm = challenge.realm
        login = self._login(registry)
        if login is not None and not _safe(realm, registry):
            raise self.denied(registry, f"its token service {realm} is not https, so the login was not sent")
        service = challenge.parameters.get("service", "")
        status, body = self._ask(realm, service, scopes, login)
        if status != 200:  # noqa: PLR2004 - the status that carries a token
            raise self.denied(registry, f"its token service answered {status}")
        token = _read_token(body)
        if not token:
            raise Refused(
                f"token service {realm} answered something else than a token",
                f"ask whoever runs registry {registry}, or use another repository",
            )
        return token

    def _ask(self, realm: str, service: str, scopes: tuple[str, ...], login: Login | None) -> tuple[int, bytes]:
        words = [("service", service), *(("scope", scope) for scope in scopes)]
        if login is not None and login.is_identity_token:
            form = [
                ("grant_type", "refresh_token"),
                ("refresh_token", login.secret),
                ("client_id", _CLIENT),
                ("service", service),
                ("scope", " ".join(scopes)),
            ]
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            return self._call("POST", realm, headers, urllib.parse.urlencode(form).encode())
        joint = "&" if "?" in realm else "?"
        headers = {"Authorization": login.basic} if login is not None else {}
        return self._call("GET", realm + joint + urllib.parse.urlencode(words), headers, None)


def _safe(realm: str, registry: str) -> bool:
    return realm.startswith("https://") or is_local(urllib.parse.urlsplit(realm).netloc) or is_local(registry)


def is_local(registry: str) -> bool:
    """Whether a registry is on this machine, where plain http leaves nothing to listen to."""
    host = urllib.parse.urlsplit(f"//{registry}").hostname or ""
    return host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")


def _answerable(registry: str, header: str) -> Challenge:
    offered = read_challenges(header)
    chosen = choose_challenge(offered)
    if chosen is None:
        listed = ", ".join(challenge.scheme for challenge in offered) or "nothing that can be read"
        raise Refused(
            f"registry {registry} asks for a login in no way that Towpath knows: {listed}",
            "it takes Basic, and Bearer with a realm that is an address; ask whoever runs the registry for one of them",
        )
    return chosen


def _read_token(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(document, dict):
        return ""
    token = document.get("token") or document.get("access_token")
    return token if isinstance(token, str) and _WRITABLE.fullmatch(token) else ""
