"""What a canary needs of the world: eyes on both arms, and hands that send requests of our own."""

from dataclasses import dataclass
from typing import Protocol

from towpath.core.observation import Observation


@dataclass(frozen=True, kw_only=True, slots=True)
class ProbeReport:
    """What became of probes, as the sender saw it; the judge reads the router's counters, not this.

    Attributes:
        sent: to both arms together.
        failed: without an answer, or with a 5xx.
    """

    sent: int
    failed: int


class Observer(Protocol):
    """Raw counters of both arms of one endpoint."""

    def read(self) -> Observation:
        """What every router replica says now, both arms from the same scrape.

        One that doesn't answer, or whose numbers can't be right, is missing and named in `problems`; it never raises
        for that, because an outage of the metrics is not a fault of the candidate.
        """


class Prober(Protocol):
    """Requests of our own to one endpoint."""

    def fire(self, requests: int, seconds: float) -> ProbeReport:
        """Send that many rows of the holdout set to each arm, the same rows in turns, evenly over so many seconds.

        Answers are awaited, late ones only for a moment. What couldn't be sent by then is left out: no more than a few
        are under way at once.
        """

    def smoke(self) -> str:
        """Send the request whose answer is known to the candidate; empty when it is as expected, else why not."""
