import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.docs import commands_page, configuration_page
from tests.docs.meanings import KIT, MEANINGS, OUTPUTS
from tests.docs.pages import ROOT
from towpath.core.outputs import EndpointOutput, StackOutputs, outputs_to_map
from towpath.schema.pipeline import json_schema as pipeline_schema
from towpath.schema.stack import json_schema as stack_schema

PAGES = {"configuration.md": configuration_page.page, "cli.md": commands_page.page}
SCHEMAS = (pipeline_schema(), stack_schema())


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_is_made_from_code_says_what_the_code_says(name: str) -> None:
    check(ROOT / "docs" / name, PAGES[name])


def check(file: Path, made: Callable[[], str]) -> None:
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.write_text(made(), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == made(), f"{file.name} is stale: make golden"


def test_every_command_has_a_section_with_its_options_and_so_have_those_of_a_group() -> None:
    sections = {part.partition("`")[0]: part for part in commands_page.page().split("\n### `deploy ")[1:]}

    assert list(sections) == [name for name, _ in commands_page.verbs()]
    assert {"judge", "judge replay", "judge simulate"} <= set(sections)
    for name, verb in commands_page.verbs():
        options = {option for one in verb.params for option in one.opts if option.startswith("--")} - {"--help"}
        assert [option for option in sorted(options) if f"`{option}" not in sections[name]] == []


def tables() -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    for schema in SCHEMAS:
        yield from ((table, schema) for table in (schema, *schema["$defs"].values()) if "properties" in table)


def test_every_key_of_every_file_has_a_meaning() -> None:
    without = [
        f"{table['title']}.{key}"
        for table, schema in tables()
        for key, value in table["properties"].items()
        if not configuration_page.meaning_of(table["title"], key, value, schema)
    ]

    assert without == []


def test_a_meaning_belongs_to_a_key_that_says_nothing_itself() -> None:
    silent = {
        (table["title"], key)
        for table, _ in tables()
        for key, value in table["properties"].items()
        if "description" not in value
    }

    assert set(MEANINGS) - silent == set()


def test_every_table_of_every_file_has_a_section() -> None:
    text = configuration_page.page()
    keys = {key for table, _ in tables() for key in table["properties"]}

    assert [key for key in sorted(keys) if f"| `{key}` |" not in text and key not in TOP] == []


TOP = {"state", "models", "environments", "platform", "router", "endpoints", "fence"}


def test_every_variable_of_the_serving_kit_has_a_meaning() -> None:
    assert set(KIT) == set(configuration_page.kit_variables())


def test_every_output_of_a_stack_has_a_meaning() -> None:
    exported = outputs_to_map(
        StackOutputs(endpoints=(EndpointOutput(name="m", url="", promotion=1, stable=None, canary=None),))
    )

    assert set(OUTPUTS) == set(exported)
