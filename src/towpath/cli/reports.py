"""Progress, as the use cases report it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass

from towpath.cli.render import Output


@dataclass(frozen=True, kw_only=True, slots=True)
class LineReport:
    """Progress of builds and promotions: a line per event."""

    output: Output

    def line(self, text: str) -> None:
        """One thing that happened."""
        self.output.line(text)

    def progress(self, what: str) -> AbstractContextManager[None]:
        """Something that may take over a second is under way."""
        return self.output.spinner(what)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepReport:
    """Progress of a setup: what is done to which thing."""

    output: Output

    def step(self, thing: str, what: str) -> None:
        """What happens next to a thing, and why."""
        self.output.line(f"{thing}: {what}")

    def progress(self, thing: str, note: str) -> None:
        """How far it has come."""
        self.output.passing(f"{thing}: {note}")

    def done(self, thing: str, outcome: str) -> None:
        """What the thing is now."""
        self.output.line(f"{thing}: {outcome}")
