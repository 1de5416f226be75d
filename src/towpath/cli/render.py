"""The only place that prints: answers on standard output, everything else on standard error."""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shutil import get_terminal_size
from typing import TextIO, cast

from towpath.core.errors import Missing

SCHEMA_VERSION = 1
_PASSING_SECONDS = 5.0
_FOLDED = 24  # a text that is longer can be read in several lines
_CLEAR_LINE = "\r\x1b[K"


class ReaderGone(Exception):  # noqa: N818 - no error: whoever reads standard output has enough
    """Nobody reads standard output any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """Rows under column names; cells are texts."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    empty: str = "nothing"


@dataclass(kw_only=True)
class Output:
    """Where a command's output goes.

    Attributes:
        stdout: answers; raises ReaderGone where a pipe was closed, and Missing where nothing can be written.
        stderr: progress, hints, errors and questions; lost where they can't be written.
        stdin: answers to questions.
        json: answers are JSON.
        color: colours and moving parts are wanted, where the stream is a terminal.
        now: seconds that never jump.
    """

    stdout: TextIO
    stderr: TextIO
    stdin: TextIO
    json: bool = False
    color: bool = True
    now: Callable[[], float] = time.monotonic
    begun: float = field(init=False)
    _spinning: bool = field(init=False, default=False)
    _passed: float = field(init=False)
    _to_clear: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        """Elapsed seconds count from here."""
        self.stderr = cast("TextIO", _Lossy(self.stderr))
        self.begun = self.now()
        self._passed = self.begun

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked."""
        return self.stdin.isatty() and self.stderr.isatty()

    def answer(self, command: str, document: Mapping[str, object], *parts: "str | Table") -> None:
        """What the command was asked for: one JSON object, or these texts and tables."""
        if self.json:
            self.event(command, document)
            return
        with _answering():
            for part in parts:
                if isinstance(part, Table):
                    self._table(part)
                else:
                    self._write(self.stdout, part)

    def event(self, command: str, document: Mapping[str, object]) -> None:
        """One JSON object on a line of its own."""
        whole = {"schema_version": SCHEMA_VERSION, "command": command, **document}
        self.raw(json.dumps(whole, ensure_ascii=False))

    def raw(self, text: str) -> None:
        """A text for another program, as it is."""
        with _answering():
            self._write(self.stdout, text)

    def failure(self, document: Mapping[str, object], message: str, hint: str) -> None:
        """Why the command ends without what it was asked for; its exit code says so where this can't be written."""
        if self.json:
            with suppress(OSError):
                self._write(self.stdout, json.dumps({"schema_version": SCHEMA_VERSION, "error": document}))
            return
        self._write(self.stderr, f"{self._styled('error:', '31;1')} {message}")
        if hint:
            self._write(self.stderr, f"{self._styled('hint:', '36')} {hint}")

    def note(self, text: str) -> None:
        """Something a person should know, not part of the answer."""
        self._write(self.stderr, text)

    def line(self, text: str) -> None:
        """One thing that happened, with the seconds since the command began."""
        self._passed = self.now()
        self._write(self.stderr, f"{self._passed - self.begun:7.1f}s  {text}")

    def passing(self, text: str) -> None:
        """One of many small things: a line that the next one replaces on a terminal, else one line in five seconds."""
        if self._moving:
            shown = f"{self.now() - self.begun:7.1f}s  {text}"[: get_terminal_size().columns - 1]
            self.stderr.write(f"{_CLEAR_LINE}{shown}")
            self.stderr.flush()
            self._to_clear = True
        elif self.now() - self._passed >= _PASSING_SECONDS:
            self.line(text)

    @contextmanager
    def spinner(self, what: str) -> Iterator[None]:
        """Something is under way: a moving line on a terminal, else a line before and after."""
        begun = self.now()
        if not self._moving:
            self.line(f"{what} …")
            yield
        else:
            from rich.console import Console

            self._spinning = True
            try:
                with Console(file=self.stderr).status(what):
                    yield
            finally:
                self._spinning = False
        self.line(f"{what}: done in {self.now() - begun:.1f} s")

    def ask(self, question: str) -> str:
        """A person's answer; only where one is there."""
        self.stderr.write(question)
        self.stderr.flush()
        return self.stdin.readline().strip()

    @property
    def _moving(self) -> bool:
        return self.color and self.stderr.isatty() and not self._spinning

    def _styled(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.color and self.stderr.isatty() else text

    def _table(self, table: Table) -> None:
        if not table.rows:
            self._write(self.stdout, table.empty)
        elif not self.stdout.isatty():
            self._plain_table(table)
        elif _least_width(table) > get_terminal_size().columns:
            self._blocks(table)
        else:
            self._rich_table(table)

    def _blocks(self, table: Table) -> None:
        """A row as lines: in a table that is wider than the terminal, texts would be broken into pieces."""
        widest = max(map(len, table.columns))
        rows = (
            "\n".join(f"{name:{widest}}  {cell}" for name, cell in zip(table.columns, row, strict=True))
            for row in table.rows
        )
        self._write(self.stdout, "\n\n".join(rows))

    def _plain_table(self, table: Table) -> None:
        lines: Sequence[tuple[str, ...]] = (table.columns, *table.rows)
        widths = [max(len(line[column]) for line in lines) for column in range(len(table.columns))]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            self._write(self.stdout, "  ".join(cells).rstrip())

    def _rich_table(self, table: Table) -> None:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table as RichTable
        from rich.text import Text

        drawn = RichTable(box=SIMPLE_HEAD, pad_edge=False)
        for column in table.columns:
            drawn.add_column(column)
        for row in table.rows:
            drawn.add_row(*(Text(cell) for cell in row))
        Console(file=self.stdout, no_color=not self.color).print(drawn)

    def _write(self, stream: TextIO, text: str) -> None:
        if self._to_clear:
            self._to_clear = False
            self.stderr.write(_CLEAR_LINE)
            self.stderr.flush()
        stream.write(text + "\n")
        stream.flush()


def _least_width(table: Table) -> int:
    """Columns of a terminal in which the table can be read: longer texts may take several lines."""
    lines = (table.columns, *table.rows)
    widths = (min(_FOLDED, max(map(len, cells))) for cells in zip(*lines, strict=True))
    return sum(widths) + 2 * len(table.columns)


class _Lossy:
    """A stream for what may be lost: a canary isn't left alone because a terminal, a pipe or a disk is gone."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGone from error
    except OSError as error:
        raise Missing(
            f"the answer could not be written to standard output: {error.strerror}",
            "make room, or send it elsewhere; what was done stands: deploy status",
        ) from error


def detach(stream: TextIO) -> None:
    """Send what is left for a closed pipe nowhere, so that the interpreter's own flush at exit is quiet."""
    with suppress(OSError), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), stream.fileno())
