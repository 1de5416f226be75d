"""What the demo shows: lines for everybody, and colours and one moving line where a terminal is."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, TextIO

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

_QUIET: Final = 5.0  # seconds between two states of the moving line where nothing can move
_PLAIN_WIDTH: Final = 150


@dataclass(kw_only=True)
class Screen:
    """Where the demo's lines go.

    Attributes:
        stream: usually standard output.
        color: colours and moving lines are wanted, where the stream is a terminal.
        now: seconds that never jump.
    """

    stream: TextIO = sys.stdout
    color: bool = True
    now: Callable[[], float] = time.monotonic
    _moving: str = field(init=False, default="")
    _said: float = field(init=False, default=0.0)

    @property
    def lively(self) -> bool:
        """Whether lines may move and have colours."""
        return self.color and self.stream.isatty()

    def line(self, text: str = "", style: str = "") -> None:
        """One line; the moving one stays below it."""
        self._erase()
        self.stream.write(self._styled(text, style) + "\n")
        if self._moving and self.lively:
            self.stream.write(self._moving)
        self.stream.flush()

    def command(self, text: str) -> None:
        """A command, as somebody would type it."""
        self.line(f"$ {text}", "1;36")

    def output(self, text: str) -> None:
        """A line that a command wrote."""
        self.line(f"  {text}" if text else "", "2")

    def say(self, text: str) -> None:
        """What the next commands are for."""
        self.line(text)

    def moving(self, text: str) -> None:
        """The state of something that goes on; replaced by the next one."""
        if self.lively:
            self._erase()
            self._moving = self._styled(text, "33")
            self.stream.write(self._moving)
            self.stream.flush()
        elif (now := self.now()) - self._said >= _QUIET:
            self._said = now
            self.line(text)

    def still(self) -> None:
        """Nothing goes on any more."""
        self._erase()
        self._moving = ""

    @contextmanager
    def phase(self, title: str) -> Iterator[None]:
        """A part of the story, with the time it took."""
        begun = self.now()
        self.line()
        self.line(f"== {title}", "1")
        yield
        self.line(f"-- {title}: {self.now() - begun:.1f} s", "32")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under their columns' names."""
        self.still()
        drawn = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            drawn.add_column(column)
        for row in rows:
            drawn.add_row(*(Text(cell) for cell in row))
        width = None if self.stream.isatty() else _PLAIN_WIDTH
        Console(file=self.stream, no_color=not self.color, width=width).print(drawn)

    def _erase(self) -> None:
        if self._moving and self.lively:
            self.stream.write("\r\x1b[K")

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if code and self.lively else text
