"""docs/your-own-model.md as a script: its commands in its order, as a person would type them in one shell."""

import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT, Block, Shown, blocks, commands, pages

PAGE: Final = ROOT / "docs" / "your-own-model.md"
_SHIM: Final = '#!/bin/sh\nexec {python} -m towpath.cli.main "$@"\n'
_ELSEWHERE: Final = (
    "pause",
    "--example",
    "--from-dockerfile",
    "--from-image",
    "python -m towpath.serving",
)
_ASKS: Final = {"up": ("--yes", "--skip-preview"), "refresh": ("--yes", "--skip-preview"), "cancel": ("--yes",)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """A shell's way along the page.

    Attributes:
        folder: where the page's first command is typed.
        ports: free ones for the page's.
    """

    folder: Path
    ports: Mapping[int, int]

    def script(self, shown: Sequence[Shown]) -> str:
        """Commands as a script that stops at the first failure, and says each."""
        return "set -eu\n" + "".join(f"echo {shlex.quote(f'$ {one.text}')}\n{self._typed(one.text)}\n" for one in shown)

    def _typed(self, text: str) -> str:
        """With this walk's ports, and the answers a person gives on a terminal."""
        for old, new in self.ports.items():
            text = text.replace(f":{old}/", f":{new}/")
        words = text.split()
        answers = _ASKS.get(words[1], ()) if words[0] == "pulumi" else ()
        return " ".join((text, *answers))


def chapters() -> dict[str, list[Shown]]:
    """The page's commands by the number of the chapter they stand in; 0 before the first.

    What `make` does there, a test's own checkout has done.
    """
    found: dict[str, list[Shown]] = {}
    for block in blocks(PAGE):
        if not any(word in block.text for word in _ELSEWHERE):
            taken = (one for one in commands(block) if not one.text.startswith("make "))
            found.setdefault(_chapter(block), []).extend(taken)
    return found


def beside() -> list[Shown]:
    """What other pages show of the engine's commands, each once."""
    shown = (one for page in pages() if page != PAGE for block in blocks(page) for one in commands(block))
    return list({one.text: one for one in shown if one.text.startswith("pulumi ")}.values())


def followed() -> frozenset[str]:
    """Every command line that is typed on the way, as the pages show it."""
    return frozenset(one.text for shown in (*chapters().values(), beside()) for one in shown)


def _chapter(block: Block) -> str:
    before = PAGE.read_text(encoding="utf-8").splitlines()[: block.line]
    heads = [line for line in before if line.startswith("## ")]
    return heads[-1].removeprefix("## ")[0] if heads else "0"


def block_with(language: str, word: str) -> str:
    """The text of the page's first block in that language which has that word."""
    return next(one.text for one in blocks(PAGE) if one.language == language and word in one.text)


def shim(folder: Path) -> Path:
    """A folder with the command `deploy`, of this checkout."""
    folder.mkdir(parents=True)
    file = folder / "deploy"
    file.write_text(_SHIM.format(python=shlex.quote(sys.executable)))
    file.chmod(0o755)
    return folder


def stack_files(project: Path) -> Iterator[Path]:
    """Every stack file of a project."""
    yield from sorted(project.glob("Pulumi.*.yaml"))
