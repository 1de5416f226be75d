"""Logins of registries, from where `docker login` and cloud helpers keep them."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from towpath.app.setup_ports import Finished
from towpath.core.errors import Missing, UsageError

HUB = "https://index.docker.io/v1/"
_HUB_NAMES = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})
_ABSENT = "credentials not found"  # how Docker's protocol of helpers says that there is no such login
_PATIENCE = 30.0  # seconds; a helper may ask a cloud, and a person only where there is a screen
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


class HelperFailedError(Exception):
    """A credential helper that could say neither a login nor that there is none.

    Attributes:
        message: which one; nothing of what it said, which may be a secret.
        hint: how to see what it lacks.
    """

    def __init__(self, helper: str, exit_code: int, name: str) -> None:
        self.message = f"docker-credential-{helper}, which keeps its login, ended with exit code {exit_code}"
        self.hint = f"see what it lacks: echo {name} | docker-credential-{helper} get"
        super().__init__(self.message)


class Credentials(Protocol):
    """Who logs in where."""

    def login(self, registry: str) -> Login | None:
        """The login of a registry, if there is one.

        Raises:
            HelperFailedError: there may be one, but what keeps it failed; many registries answer without.
        """


class Helpers(Protocol):
    """Programs that keep logins."""

    def run(self, words: Sequence[str], *, stdin: str = "", timeout: float | None = None) -> Finished:
        """Run one to its end, whatever its exit code, for so many seconds at most.

        Raises:
            Missing: there is no such program, or it takes longer.
        """


class NoCredentials:
    """Everything is asked for without a login."""

    def login(self, registry: str) -> Login | None:  # noqa: ARG002 - the port's signature
        """None, for every registry."""
        return None


class DockerCredentials:
    """Docker's config.json: its credential helpers first, then what it holds itself."""

    def __init__(self, config: Path, helpers: Helpers) -> None:
        self._path = config
        self._helpers = helpers

    def login(self, registry: str) -> Login | None:
        """The login of a registry, if config.json or a helper has one.

        Raises:
            UsageError: config.json can't be read or doesn't parse.
            Missing: config.json names a helper that isn't installed, can't be run here or doesn't end.
            HelperFailedError: the helper fails, and config.json has no login beside it.
        """
        config, names = self._config(), _names(registry)
        helper = _of(config.get("credHelpers"), names) or config.get("credsStore")
        stored = _stored(_of(config.get("auths"), names))
        if not isinstance(helper, str) or not helper:
            return stored
        try:
            return self._ask(helper, names) or stored
        except HelperFailedError:
            if stored is None:
                raise
            return stored

    def _config(self) -> dict[str, Any]:
        try:
            config = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise UsageError(
                f"{self._path} can't be read: {error.strerror}",
                "mend that, or name the folder of another one: DOCKER_CONFIG=…",
            ) from error
        except ValueError as error:
            raise UsageError(f"{self._path} is not JSON", "mend it, or log in again: docker login") from error
        return config if isinstance(config, dict) else {}

    def _ask(self, helper: str, names: tuple[str, ...]) -> Login | None:
        failed = None
        for name in names:
            answer = self._run(helper, name)
            if answer.exit_code == 0:
                return _answered(helper, answer.stdout)
            if _ABSENT not in answer.stdout + answer.stderr:
                failed = failed or HelperFailedError(helper, answer.exit_code, name)
        if failed:
            raise failed
        return None

    def _run(self, helper: str, name: str) -> Finished:
        try:
            return self._helpers.run([f"docker-credential-{helper}", "get"], stdin=name, timeout=_PATIENCE)
        except OSError as error:
            raise Missing(
                f"docker-credential-{helper} can't be run: {error.strerror}",
                f"install the one for this machine, or take it out of {self._path}",
            ) from error


def _names(registry: str) -> tuple[str, ...]:
    if registry in _HUB_NAMES:
        return (HUB, registry)
    return (registry, f"https://{registry}", f"https://{registry}/v1/", f"https://{registry}/v2/")


def _of(table: object, names: tuple[str, ...]) -> object:
    """What a table of config.json has under the first of these names; it may be anything, also no table."""
    if not isinstance(table, Mapping):
        return None
    return next((found for name in names if (found := table.get(name))), None)


def _answered(helper: str, text: str) -> Login:
    try:
        document = json.loads(text)
        return Login(user=document["Username"], secret=document["Secret"])
    except (ValueError, KeyError, TypeError):
        # Without the cause: it would carry the helper's answer, which may be a secret.
        raise UsageError(
            f"docker-credential-{helper} answered something else than a login", "log in again: docker login"
        ) from None


def _stored(entry: object) -> Login | None:
    if not isinstance(entry, Mapping):
        return None
    token, packed = entry.get("identitytoken"), entry.get("auth")
    if isinstance(token, str) and token:
        return Login(user=_TOKEN_USER, secret=token)
    try:
        user, colon, secret = base64.b64decode(packed if isinstance(packed, str) else "").decode().partition(":")
    except ValueError:  # no base64, or not of text
        return None
    return Login(user=user, secret=secret) if colon else None
