"""A report that remembers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(kw_only=True)
class FakeReport:
    """Every line, and what was under way."""

    lines: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def progress(self, what: str) -> Iterator[None]:
        self.begun.append(what)
        yield
