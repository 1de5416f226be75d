"""A canary's looks, folded as they come."""

from dataclasses import dataclass, field
from typing import Final

from towpath.core.recording import Frame, frame
from towpath.core.watch import Look, Watched, after

MOST_FRAMES: Final = 800  # some 16 KB each; a canary of a week has 60,000


@dataclass(kw_only=True, slots=True)
class Replay:
    """What a driver knows of a canary.

    Attributes:
        state: what all looks amount to.
        frames: the judge after each; None where it isn't kept: the first looks were another driver's, or there are too
            many. They can be worked out again from the journal.
        most: so many frames are kept.
        resumed: whether the newest look is another driver's.
    """

    state: Watched
    frames: list[Frame] | None = field(default_factory=list)
    most: int = MOST_FRAMES
    resumed: bool = False

    def take(self, look: Look) -> None:
        """One more look."""
        before, self.state = self.state, after(self.state, look)
        self.resumed = False
        if self.frames is not None:
            self.frames += frame(before, look, self.state)
            if len(self.frames) > self.most:
                self.frames = None
