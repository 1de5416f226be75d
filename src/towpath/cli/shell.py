"""Variables in the words of a shell."""

import shlex
from collections.abc import Mapping

from towpath.core.errors import UsageError


def assignments(variables: Mapping[str, str], shell: str) -> list[str]:
    """One line per variable, to be evaluated by the shell.

    Raises:
        UsageError: a shell we don't know.
    """
    if shell == "sh":
        return [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    if shell == "fish":
        return [f"set -gx {name} {_fish(value)};" for name, value in sorted(variables.items())]
    raise UsageError(f"{shell!r} is no shell that shellenv knows", "valid: sh (for bash and zsh too), fish")


def _fish(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
