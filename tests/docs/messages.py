"""Every text that the code can say, as patterns."""

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT

_FEWEST: Final = 8  # letters of its own that a text must have, and …
_SHARE: Final = 0.2  # … the share of a message that they must make up: less would match everything
_VALUE: Final = "\0"  # stands for a value that is only known when it is said
_SPOKEN: Final = ("src/towpath", "infra", "stacks")


@cache
def patterns() -> tuple[tuple[int, re.Pattern[str]], ...]:
    """Lines of the program's texts in which every value may be anything, each with its number of own letters."""
    sources = (path for folder in _SPOKEN for path in sorted((ROOT / folder).rglob("*.py")))
    lines = {line for path in sources for text in _texts(path) for line in text.split("\n")}
    found = ((sum(map(str.isalpha, line)), line) for line in sorted(lines))
    return tuple((letters, re.compile(_pattern(line))) for letters, line in found if letters >= _FEWEST)


def said(text: str) -> bool:
    """Whether the program has such a text."""
    most = sum(map(str.isalpha, text)) * _SHARE
    return any(letters > most and pattern.fullmatch(text) for letters, pattern in patterns())


def _texts(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    known = dict(_constants(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(_own(part, known) for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _constants(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        value = getattr(node, "value", None)
        if isinstance(targets[0], ast.Name) and isinstance(value, ast.Constant):
            yield targets[0].id, str(value.value)


def _own(part: ast.expr, known: Mapping[str, str]) -> str:
    if isinstance(part, ast.Constant):
        return str(part.value)
    name = getattr(part, "value", None)
    return known.get(name.id, _VALUE) if isinstance(name, ast.Name) else _VALUE


def _pattern(line: str) -> str:
    return ".*".join(re.escape(text) for text in line.split(_VALUE))
