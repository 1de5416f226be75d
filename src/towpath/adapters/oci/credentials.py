"""Logins of registries, from where `docker login` and cloud helpers keep them."""

import base64
import binascii
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from towpath.app.build_ports import Programs
from towpath.core.errors import UsageError

HUB = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_TOKEN_USER = "<token>"  # noqa: S105 - the name that says the secret beside it is a token


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """User and secret of one registry; the secret never shows in a message."""

    user: str
    secret: str = field(repr=False)

    @property
    def is_identity_token(self) -> bool:
        """Whether the secret is a token to be exchanged, not a password."""
        return self.user == _TOKEN_USER

    @property
    def basic(self) -> str:
        """The header of basic authentication."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.secret}".encode()).decode()


class Credentials(Protocol):
    """Who logs in where."""

    def login(self, registry: str) -> Login | None:
        """The login of a registry, if there is one."""


class NoCredentials:
    """Everything is asked for without a login."""

    def login(self, registry: str) -> Login | None:  # noqa: ARG002 - the port's signature
        """None, for every registry."""
        return None


class DockerCredentials:
    """Docker's config.json: its credential helpers first, then what it holds itself."""

    def __init__(self, config: Path, programs: Programs) -> None:
        self._path = config
        self._programs = programs

    def login(self, registry: str) -> Login | None:
        """The login of a registry, if config.json or a helper has one.

        Raises:
            UsageError: config.json doesn't parse.
            Missing: config.json names a helper that isn't installed.
        """
        config = self._config()
        names = _names(registry)
        helper = next((found for name in names if (found := config.get("credHelpers", {}).get(name))), "")
        helper = helper or config.get("credsStore", "")
        stored: dict[str, str] = next((found for name in names if (found := config.get("auths", {}).get(name))), {})
        return (self._ask(helper, names) if helper else None) or _stored(stored)

    def _config(self) -> dict[str, Any]:
        try:
            text = self._path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        try:
            config = json.loads(text)
        except ValueError as error:
            raise UsageError(f"{self._path} is not JSON", "mend it, or log in again: docker login") from error
        return config if isinstance(config, dict) else {}

    def _ask(self, helper: str, names: tuple[str, ...]) -> Login | None:
        for name in names:
            answer = self._programs.run([f"docker-credential-{helper}", "get"], stdin=name)
            if answer.exit_code == 0:
                return _answered(helper, answer.stdout)
        return None


def _names(registry: str) -> tuple[str, ...]:
    if registry in _HUB_NAMES:
        return (HUB, registry)
    return (registry, f"https://{registry}", f"https://{registry}/v1/", f"https://{registry}/v2/")


def _answered(helper: str, text: str) -> Login:
    try:
        document = json.loads(text)
        return Login(user=document["Username"], secret=document["Secret"])
    except (ValueError, KeyError, TypeError):
        # Without the cause: it would carry the helper's answer, which may be a secret.
        raise UsageError(
            f"docker-credential-{helper} answered something else than a login", "log in again: docker login"
        ) from None


def _stored(entry: dict[str, str]) -> Login | None:
    if entry.get("identitytoken"):
        return Login(user=_TOKEN_USER, secret=entry["identitytoken"])
    try:
        user, colon, secret = base64.b64decode(entry.get("auth", "")).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Login(user=user, secret=secret) if colon else None
