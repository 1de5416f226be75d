import shlex
from typing import Any

import pytest
import typer

from tests.docs import commands_page, runs
from tests.docs.pages import mentioned, name_of, pages

SHOWN = [(page, text) for page, text in runs.shown() if not text.startswith("make ")]
TARGETS = [(page, text) for page, text in runs.shown() if text.startswith("make ")]
NAMED = list(dict.fromkeys((name_of(page), text) for page in pages() for text in mentioned(page)))
RUN = {*runs.walked(), *runs.in_process()}
VERBS = dict(commands_page.verbs())


@pytest.mark.parametrize(("page", "text"), SHOWN)
def test_a_command_that_a_page_shows_is_run_by_a_test(page: str, text: str) -> None:
    if text.startswith("deploy "):
        commands_page.parse(shlex.split(text)[1:])
    assert text in RUN or runs.other(text), f"{page}: no test runs {text!r}"


@pytest.mark.parametrize(("page", "text"), TARGETS)
def test_a_target_of_make_that_a_page_shows_exists(page: str, text: str) -> None:
    assert set(shlex.split(text)[1:]) <= runs.targets(), page


@pytest.mark.parametrize(("page", "text"), NAMED)
def test_a_command_that_a_sentence_names_exists(page: str, text: str) -> None:
    words = shlex.split(text)
    if words[0] == "make":
        assert set(words[1:]) <= {*runs.targets(), "X"}, page
    elif words[0] == "deploy" and words[1].isalpha() and words[1].islower():
        options = {name for param in verb_of(words[1:], page).params for name in param.opts}
        assert {word.partition("=")[0] for word in words[2:] if word.startswith("-")} <= {*options, "--json"}, page


def verb_of(words: list[str], page: str) -> Any:  # noqa: ANN401 - typer's own class, which it doesn't export
    """A verb, or the verb of a group."""
    inner, outer = VERBS.get(" ".join(words[:2])), VERBS.get(words[0])
    assert inner or outer, f"{page}: there is no deploy {words[0]}"
    return inner or outer


@pytest.mark.parametrize(("text", "test"), list(runs.OTHERS.items()))
def test_the_test_that_is_said_to_run_a_command_exists_and_speaks_of_its_program(text: str, test: str) -> None:
    assert runs.program(text) in runs.source(test)


def test_no_command_is_listed_that_no_page_shows() -> None:
    texts = {text for _, text in (*SHOWN, *NAMED)}

    assert [one for one in runs.OTHERS if not any(text == one or text.startswith(f"{one} ") for text in texts)] == []


@pytest.mark.parametrize(
    "words",
    [
        ["promote", "--too", "prod"],
        ["promot", "--to", "prod"],
        ["promote"],
        ["logs"],
        ["judge", "replya", "x"],
        ["judge", "replay", "x", "--too"],
    ],
)
def test_a_command_line_that_the_command_would_refuse_is_refused_here(words: list[str]) -> None:
    with pytest.raises(typer.TyperException):
        commands_page.parse(words)
