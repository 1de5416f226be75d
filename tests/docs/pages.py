"""The project's pages, taken apart: code blocks, commands, links and headings."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
_FENCE: Final = re.compile(r"^(`{3,})(\w*)\s*$")
_LINK: Final = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_HEADING: Final = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
_COMMANDS: Final = frozenset({"console", "sh", "bash"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Block:
    """A fenced code block and where it stands."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One command line as a page shows it."""

    block: Block
    text: str

    def __str__(self) -> str:
        return f"{self.block}: {self.text}"


def pages() -> tuple[Path, ...]:
    """Every page that a reader of the project meets."""
    top = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")
    below = (path for folder in ("docs", "examples") for path in sorted((ROOT / folder).rglob("*.md")))
    return (*(ROOT / name for name in top), *below)


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def blocks(page: Path) -> Iterator[Block]:
    fence, language, begun, lines = "", "", 0, list[str]()
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        found = _FENCE.match(line)
        if fence and line.strip() == fence:
            yield Block(page=name_of(page), line=begun, language=language, text="\n".join(lines) + "\n")
            fence, lines = "", []
        elif fence:
            lines.append(line)
        elif found:
            fence, language, begun = found[1], found[2], number
    if fence:
        raise AssertionError(f"{name_of(page)}:{begun}: the block never ends")


def commands(block: Block) -> Iterator[Shown]:
    """The command lines of a block: `$ …` where output is shown as well, else every line."""
    if block.language not in _COMMANDS:
        return
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language == "console" and not line.startswith("$ "):
            continue
        text = " ".join(shlex.split(line.removeprefix("$ "), comments=True, posix=False))
        if text:
            yield Shown(block=block, text=text)


def lines(page: Path, begin: str) -> list[str]:
    """The page's command lines that begin so, in its order and each once."""
    found = (one.text for block in blocks(page) for one in commands(block))
    return list(dict.fromkeys(text for text in found if text.startswith(begin)))


def mentioned(page: Path) -> list[str]:
    """The commands that the page names within a sentence."""
    return re.findall(r"`((?:deploy|make|pulumi|docker) [^`]+)`", prose(page))


def prose(page: Path) -> str:
    """The text without its code blocks."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"^(`{3,})\w*\s*\n.*?^\1\s*$", "", text, flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> Iterator[str]:
    yield from _LINK.findall(prose(page))


def anchors(page: Path) -> frozenset[str]:
    return frozenset(_anchor(found) for found in _HEADING.findall(prose(page)))


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
