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

    def fire(self, requests: int) -> ProbeReport:
        """Send that many rows of the holdout set to each arm, the same rows in turns, and wait for the answers.

        Its concurrency, rate and time are bounded, so fewer may be sent.
        """

    def smoke(self) -> str:
        """Send the request whose answer is known to the candidate; empty when it is as expected, else why not."""
