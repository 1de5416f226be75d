"""Again, a little later: for what fails by chance and for nothing else."""

import email.utils
from collections.abc import Callable, Mapping
from typing import TypeVar

from towpath.app.ports import Clock
from towpath.core.errors import TowpathError

RETRIED = frozenset({408, 429, 500, 502, 503, 504, 522})
FIRST_WAIT = 0.25
LONGEST_WAIT = 30.0

T = TypeVar("T")


class TransientError(Exception):
    """One attempt failed in a way the next may not.

    Attributes:
        failure: what to raise when no attempt is left.
        wait: seconds the server asked for; None when it asked for nothing.
    """

    def __init__(self, failure: TowpathError, wait: float | None = None) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.wait = wait


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its two forms."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - now)
    except ValueError:
        return None  # absent, or no date either


def retried(once: Callable[[], T], clock: Clock, attempts: int) -> T:
    """The result of the first attempt that doesn't fail by chance.

    Raises:
        TowpathError: the failure of the last attempt.
    """
    for attempt in range(attempts - 1):
        try:
            return once()
        except TransientError as error:
            wait = FIRST_WAIT * 2**attempt if error.wait is None else error.wait
            clock.sleep(min(wait, LONGEST_WAIT))
    try:
        return once()
    except TransientError as error:
        raise error.failure from error
