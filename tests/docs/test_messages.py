import re
from collections.abc import Iterator

import pytest

from tests.core.test_gates import GOOD
from tests.docs.messages import said
from tests.docs.pages import ROOT, Block, blocks, pages
from towpath.core.gates import answers

_LINE = re.compile(r"^(error: |hint: |  - (?:[a-z ]+: )?)(.+)$")


def quoted() -> Iterator[tuple[str, str]]:
    """(place, text) of every message that a page quotes: errors, hints, and the points of a list."""
    for page in pages():
        for block in blocks(page):
            if block.language == "text" and block.text.startswith("error: "):
                yield from ((f"{block}", text) for text in _told(block))


def _told(block: Block) -> Iterator[str]:
    for line in block.text.splitlines():
        found = _LINE.match(line)
        assert found, f"{block}: {line!r} is no part of a message"
        yield found[2]


@pytest.mark.parametrize(("place", "text"), list(quoted()))
def test_a_message_that_a_page_quotes_is_one_that_the_program_has(place: str, text: str) -> None:
    assert said(text), f"{place}: nothing says {text!r}"


def test_the_runbook_has_a_line_for_every_gate() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")

    assert [gate.name for gate in answers(GOOD) if f"\n| {gate.name} | " not in runbook] == []


def test_a_message_that_nothing_says_is_found() -> None:
    assert not said("prod was eaten by a whale")
