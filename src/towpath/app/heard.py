"""When the driver of an open promotion was heard of last."""

from typing import Final

from towpath.app.journal import Journal
from towpath.core.contract import Timeouts
from towpath.core.history import Open
from towpath.core.promotion import StepKind
from towpath.core.watch import decode_look

_SLACK: Final = 60.0  # seconds that an engine may take beside what it waits for
_LOOKS: Final = 3  # so many may be late before it is said


def last_heard(journal: Journal, opened: Open) -> float:
    """Seconds since the epoch: of the last entry that somebody with the lease wrote, or of the last look."""
    written = (one.time for one in journal.entries() if one.promotion == opened.plan.id and one.fence)
    return max(max(written, default=opened.since), _last_look(journal, opened.plan.id))


def silence_allowed(opened: Open, timeouts: Timeouts) -> float:
    """Seconds that a living driver may write nothing, in the step that it is at."""
    step = opened.plan.steps[min(opened.next_step, len(opened.plan.steps) - 1)]
    if step.kind is StepKind.OBSERVE:
        return _SLACK + _LOOKS * float(str(opened.policy.get("poll", 0)))
    return _SLACK + timeouts.startup + timeouts.drain


def _last_look(journal: Journal, promotion: int) -> float:
    chunks = list(journal.chunks(promotion).values())
    return decode_look(chunks[-1]).observation.at if chunks else 0.0
