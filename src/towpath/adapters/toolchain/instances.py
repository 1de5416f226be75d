"""The instance file and the local state of a checkout."""

import json
import secrets
from contextlib import AbstractContextManager

from towpath.adapters.toolchain.cache import locked, write_whole
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.core.errors import UsageError
from towpath.core.instance import from_json, to_json
from towpath.core.toolchain import Instance

_PRIVATE = 0o600


class FileInstances:
    """Keeps the instance in `instance.json` of the state."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._state = surroundings.state
        self._path = surroundings.state / "instance.json"

    def load(self) -> Instance | None:
        """The instance, or nothing before the first setup."""
        try:
            document = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UsageError(f"{self._path} isn't JSON: {error}", "remove it and run `deploy setup`") from error
        return from_json(document, str(self._path))

    def save(self, instance: Instance) -> None:
        """Replace the file at once or not at all; only this user may read it."""
        write_whole(self._path, (json.dumps(to_json(instance), indent=2) + "\n").encode(), _PRIVATE)

    def new_id(self) -> str:
        """Eight random hexadecimal digits."""
        return secrets.token_hex(4)

    def prepare(self) -> None:
        """Make the state's folders, and a passphrase for the secrets of stacks that are kept there."""
        for name in ("bin", "pulumi-home", "pulumi"):
            (self._state / name).mkdir(parents=True, exist_ok=True)
        passphrase = self._state / "passphrase"
        if not passphrase.exists():
            write_whole(passphrase, f"{secrets.token_urlsafe(32)}\n".encode(), _PRIVATE)

    def lock(self) -> AbstractContextManager[None]:
        """Held during a setup; ends with the process that holds it."""
        return locked(self._state / "setup.lock", wait=False)
