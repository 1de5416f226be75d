"""Everything that can go wrong, as one tree.

    TowpathError                       exit code
    ├── UsageError                     2    the command or a config file is wrong
    ├── Refused                        3    a gate or policy says no; nothing was changed
    ├── Busy                           4    somebody else holds the environment
    ├── RolledBack                     5    the candidate was refused and stable serves again
    ├── Overridden                     5    somebody else acted on the environment in the middle of it
    ├── NeedsPerson                    6    what stands is said, a person must decide
    ├── Parked                         7    waits for an approval, a window or a soak
    ├── Missing                        8    this machine lacks something `deploy doctor` can name
    └── Interrupted                    130  stopped by the user; `deploy resume` goes on

A bug is any other exception: exit code 1.
"""

from typing import ClassVar


class TowpathError(Exception):
    """Something the user can act on: what happened, to which thing, and what to do next.

    Attributes:
        message: what happened, to which thing.
        hint: what to do next; empty when the message already says it.
        exit_code: what the command ends with.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(TowpathError):
    """The command line or a config file is wrong; nothing was changed."""

    exit_code = 2


class Refused(TowpathError):  # noqa: N818 - an outcome with an exit code, and the word of the contract
    """A gate or policy said no; nothing was changed."""

    exit_code = 3


class Busy(TowpathError):  # noqa: N818 - as above
    """Somebody else holds the environment; the message names the holder."""

    exit_code = 4


class RolledBack(TowpathError):  # noqa: N818 - as above
    """The candidate was refused and stable serves all traffic again."""

    exit_code = 5


class Overridden(TowpathError):  # noqa: N818 - as above
    """Somebody else changed the environment during a promotion; nothing more was applied."""

    exit_code = 5


class NeedsPerson(TowpathError):  # noqa: N818 - as above
    """The promotion can't end by itself; the message says what stands."""

    exit_code = 6


class Parked(TowpathError):  # noqa: N818 - as above
    """The promotion waits and gave its lease back; `deploy resume` goes on. Nothing ends so in this version."""

    exit_code = 7


class Missing(TowpathError):  # noqa: N818 - as above
    """This machine lacks something; `deploy doctor` says what and how to mend it."""

    exit_code = 8


class Interrupted(TowpathError):  # noqa: N818 - as above
    """The user stopped the command; what was begun can be resumed."""

    exit_code = 130


def all_at_once(where: str, problems: list[str], hint: str = "") -> UsageError:
    """One error that lists every problem found in `where`, so that none is met only on the next try."""
    listed = "\n".join(f"  - {problem}" for problem in problems)
    noun = "problem" if len(problems) == 1 else "problems"
    return UsageError(f"{where}: {len(problems)} {noun}\n{listed}", hint)
