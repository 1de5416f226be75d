import re
import shlex
from collections.abc import Iterator

import pytest
import typer

from tests.docs import commands_page, runs
from tests.docs.pages import Shown, blocks, commands, name_of, pages, prose


def shown() -> Iterator[tuple[str, str]]:
    """(place, simple command) of every command that a page shows, once per page."""
    found = (one for page in pages() for block in blocks(page) for one in commands(block))
    yield from dict.fromkeys((one.block.page, part) for one in found for part in parts(one))


def parts(one: Shown) -> Iterator[str]:
    if one.text.startswith("eval "):
        yield one.text
        yield from re.findall(r"\$\((.+)\)", one.text)
    else:
        yield from runs.simple(one.text)


def mentioned() -> Iterator[tuple[str, str]]:
    """(page, command) of every command that a page names within a sentence."""
    for page in pages():
        for text in re.findall(r"`((?:deploy|make|pulumi|docker) [^`]+)`", prose(page)):
            yield name_of(page), text


@pytest.mark.parametrize(("page", "text"), list(shown()))
def test_a_command_that_a_page_shows_exists_and_is_run_by_a_test(page: str, text: str) -> None:
    words = shlex.split(text)
    match words[0]:
        case "deploy":
            commands_page.parse(words[1:])
        case "make":
            assert set(words[1:]) <= runs.targets()
        case "pulumi":
            test = runs.PULUMI.get(runs.without_names(words))
            assert test, f"{page}: no test runs {text!r}"
        case _:
            assert runs.other(text), f"{page}: no test runs {text!r}"


@pytest.mark.parametrize(("page", "text"), list(dict.fromkeys(mentioned())))
def test_a_command_that_a_sentence_names_exists(page: str, text: str) -> None:
    words = shlex.split(text)
    if words[0] == "make":
        assert set(words[1:]) <= {*runs.targets(), "X"}, page
    elif words[0] == "deploy" and words[1].isalpha() and words[1].islower():
        assert words[1] in commands_page.command().commands, page
        options = {name for param in commands_page.command().commands[words[1]].params for name in param.opts}
        assert {word.partition("=")[0] for word in words[2:] if word.startswith("-")} <= {*options, "--json"}, page


@pytest.mark.parametrize("test", sorted({*runs.PULUMI.values(), *runs.OTHERS.values()}))
def test_the_test_that_is_said_to_run_a_command_exists(test: str) -> None:
    assert runs.exists(test)


def test_no_command_is_listed_that_no_page_shows() -> None:
    texts = {text for _, text in (*shown(), *mentioned())}
    named = {runs.without_names(shlex.split(text)) for text in texts if text.startswith("pulumi ")}

    assert [one for one in runs.OTHERS if not any(text == one or text.startswith(f"{one} ") for text in texts)] == []
    assert set(runs.PULUMI) - named == set()


@pytest.mark.parametrize("words", [["promote", "--too", "prod"], ["promot", "--to", "prod"], ["promote"], ["logs"]])
def test_a_command_line_that_the_command_would_refuse_is_refused_here(words: list[str]) -> None:
    with pytest.raises(typer.TyperException):
        commands_page.parse(words)
