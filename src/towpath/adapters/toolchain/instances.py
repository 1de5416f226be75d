"""The instance file and the local state of a checkout."""

import json
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from towpath.adapters.toolchain.cache import locked, write_whole
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.core.errors import UsageError
from towpath.core.instance import Damaged, from_json, kept_id, to_json
from towpath.core.toolchain import Instance

_PRIVATE = 0o600


class FileInstances:
    """Keeps the instance in `instance.json` of the state."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._state = surroundings.state
        self._path = surroundings.state / "instance.json"

    def load(self) -> Instance | None:
        """The instance, or nothing before the first setup.

        Raises:
            Damaged: the file is there, and what is in it isn't an instance.
            UsageError: it can't be read, or a newer deploy wrote it.
        """
        text = self._text()
        if text is None:
            return None
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Damaged(f"{self._path} isn't JSON: {error}") from error
        return from_json(document, str(self._path))

    def kept_id(self) -> str:
        """The id as the damaged file still says it, else as what was drawn does; raises as `core`'s."""
        return kept_id(self._text(), tuple(_exported(self._state / "pulumi")), str(self._path))

    def save(self, instance: Instance) -> None:
        """Replace the file at once or not at all; only this user may read it."""
        with _translated(self._path):
            write_whole(self._path, (json.dumps(to_json(instance), indent=2) + "\n").encode(), _PRIVATE)

    def new_id(self) -> str:
        """Eight random hexadecimal digits."""
        return secrets.token_hex(4)

    def prepare(self) -> None:
        """Make the state's folders, and a passphrase for the secrets of stacks that are kept there."""
        with _translated(self._state):
            for name in ("bin", "pulumi-home", "pulumi"):
                (self._state / name).mkdir(parents=True, exist_ok=True)
            passphrase = self._state / "passphrase"
            if not passphrase.exists():
                write_whole(passphrase, f"{secrets.token_urlsafe(32)}\n".encode(), _PRIVATE)

    def lock(self) -> AbstractContextManager[None]:
        """Held during a setup; ends with the process that holds it."""
        return locked(self._state / "setup.lock", wait=False)

    def _text(self) -> str | None:
        with _translated(self._path):
            try:
                return self._path.read_bytes().decode(errors="replace")
            except FileNotFoundError:
                return None


def _exported(backend: Path) -> Iterator[str]:
    """The instance that every state in the backend's folder names; those that hold nothing are left out."""
    for path in sorted(backend.glob(".pulumi/stacks/*/*.json*")):
        if path.suffix not in (".json", ".gz"):
            continue
        try:
            document = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError):
            document = None
        match document:
            case {"checkpoint": {"latest": {"resources": [*resources]}}} if resources:
                yield next((found for one in resources if (found := _instance(one))), "")
            case {"checkpoint": {}}:
                continue
            case _:
                yield ""


def _instance(resource: object) -> str:
    match resource:
        case {"type": "pulumi:pulumi:Stack", "outputs": {"instance": str(instance)}}:
            return instance
    return ""


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error.filename or path} can't be read or written: {error.strerror}",
            "the state is a folder of this user's; deploy.toml may name another: [state] url",
        ) from error
