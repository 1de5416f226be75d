"""Edits of stack files that leave every other byte alone."""

import pytest

from towpath.adapters.stack_yaml import dump, edit, load

A, B = f"localhost:5055/m@sha256:{'a' * 64}", f"localhost:5055/m@sha256:{'b' * 64}"
WEB = ("config", "towpath:endpoints", "web")

BLOCK = f"""# prod serves users
config:
  towpath:platform: {{stack: platform}}   # made once

  towpath:endpoints:
    web:   # the only one
      # what is served
      release: {A}  # last good
      replicas: 2
      promotion: 11

      env: {{LOG_LEVEL: info}}
    other:
      release: {A}
"""


def test_values_change_and_every_other_byte_stays() -> None:
    after = edit(BLOCK, WEB, {"release": B, "promotion": 12})
    assert after == BLOCK.replace(f"{A}  # last", f"{B}  # last").replace("promotion: 11", "promotion: 12")


def test_missing_keys_are_put_in_front_of_the_first() -> None:
    before = "config:\n  towpath:endpoints:\n    web:\n      # why two\n      replicas: 2\n"
    assert edit(before, WEB, {"release": B, "promotion": 1}) == (
        f"config:\n  towpath:endpoints:\n    web:\n      # why two\n"
        f"      release: {B}\n      promotion: 1\n      replicas: 2\n"
    )


def test_windows_line_ends_stay() -> None:
    before = "config:\r\n  towpath:endpoints:\r\n    web:\r\n      replicas: 2\r\n"
    assert "\n" not in edit(before, WEB, {"promotion": 1}).replace("\r\n", "")


@pytest.mark.parametrize(
    ("before", "values", "after"),
    [
        ("{replicas: 2}", {"promotion": 3}, "{promotion: 3, replicas: 2}"),
        ("{promotion: 2}", {"promotion": 3}, "{promotion: 3}"),
        ("{}", {"promotion": 3, "release": B}, f"{{promotion: 3, release: {B}}}"),
        ("{}  # empty", {"promotion": 3}, "{promotion: 3}  # empty"),
        ("", {"promotion": 3}, " {promotion: 3}"),
        (" ~", {"promotion": 3}, " {promotion: 3}"),
        (f"{{release: {A}, promotion: 2}}", {"release": None, "promotion": 3}, "{promotion: 3}"),
        (f"{{promotion: 2, release: {A} }}", {"release": None, "promotion": 3}, "{promotion: 3 }"),
    ],
)
def test_short_forms_are_kept(before: str, values: dict[str, str | int | None], after: str) -> None:
    text = f"config:\n  towpath:endpoints:\n    web:{before}\n    other: {{}}\n"
    if before and not before.startswith(" "):
        text, after = text.replace("web:", "web: "), f" {after}"
    assert edit(text, WEB, values) == f"config:\n  towpath:endpoints:\n    web:{after}\n    other: {{}}\n"


def test_a_key_is_removed_with_its_line() -> None:
    after = edit(BLOCK, WEB, {"release": None, "promotion": 12})
    assert after == BLOCK.replace(f"      release: {A}  # last good\n", "").replace("promotion: 11", "promotion: 12")


def test_removing_what_isnt_there_changes_nothing() -> None:
    text = "config:\n  towpath:endpoints:\n    web:\n      promotion: 2\n"
    assert edit(text, WEB, {"release": None, "promotion": 2}) == text


def test_a_quoted_value_loses_only_its_quotes() -> None:
    text = f"config:\n  towpath:endpoints:\n    web:\n      release: '{A}'\n"
    assert edit(text, WEB, {"release": B}) == text.replace(f"'{A}'", B)


def test_there_must_be_something_to_edit() -> None:
    with pytest.raises(KeyError):
        edit("config: {}\n", WEB, {"promotion": 1})
    with pytest.raises(KeyError):
        edit("", WEB, {"promotion": 1})


def test_words_and_dates_are_texts_as_the_engine_reads_them() -> None:
    assert load("a: yes\nb: on\nc: true\nd: 2026-01-02\ne: ~\nf: 12\n") == {
        "a": "yes",
        "b": "on",
        "c": True,
        "d": "2026-01-02",
        "e": None,
        "f": 12,
    }


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "a: {b: 1, b: 2}\n", "- a\n", "a: [\n", "text"])
def test_what_isnt_a_mapping_of_single_keys_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"comes twice|valid: a mapping|expected"):
        load(text)


def test_what_is_dumped_is_read_as_it_was() -> None:
    raw = {"config": {"a": "yes", "b": "1e3", "c": "0o17", "d": 1, "e": None, "f": ["x", True], "ü": "2026-01-02"}}
    assert load(dump(raw)) == raw


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert load("") == {}


@pytest.mark.parametrize("style", [">-", "|-", ">"])
def test_a_value_that_is_a_block_is_replaced_and_the_lines_after_it_stay(style: str) -> None:
    before = f"config:\n  towpath:endpoints:\n    web:\n      release: {style}\n        {A}\n      promotion: 3\n"
    assert edit(before, WEB, {"release": B, "promotion": 4}) == (
        f"config:\n  towpath:endpoints:\n    web:\n      release: {B}\n      promotion: 4\n"
    )
