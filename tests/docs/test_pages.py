import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import ROOT, Block, anchors, blocks, links, name_of, pages
from towpath.core.toolchain import GO_NEEDED
from towpath.schema.pipeline import parse_pipeline
from towpath.schema.stack import parse_stack_config

LANGUAGES = {"console", "sh", "text", "toml", "yaml", "json", "python"}
NAMED = re.compile(r"`(docs/[\w/.-]+\.md)`")
FOREIGN = re.compile(r"TODO|FIXME|XXX|/tmp/|/root/|/home/[a-z]")

MODEL = '[models.churn]\npath = "models/churn"\nimage = {command = "churn:Churn"}\n'  # of a block that adds to a file


def every(language: str) -> list[Block]:
    return [block for page in pages() for block in blocks(page) if block.language == language]


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_link_leads_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{name_of(page)}: {link}"
        assert target.is_relative_to(ROOT), f"{name_of(page)}: {link}"
        assert not anchor or anchor in anchors(target), f"{name_of(page)}: {link}"


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_block_says_what_it_is(page: Path) -> None:
    assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("block", every("toml"), ids=str)
def test_a_pipeline_on_a_page_is_one(block: Block) -> None:
    shown = tomllib.loads(block.text)
    assert shown
    rest = "" if "models" in shown else MODEL
    assert parse_pipeline(rest + block.text, "/project/deploy.toml").environments


@pytest.mark.parametrize("block", every("yaml"), ids=str)
def test_a_stack_file_on_a_page_is_one(block: Block) -> None:
    config = yaml.safe_load(block.text)["config"]
    ours = {key.removeprefix("towpath:"): value for key, value in config.items() if key.startswith("towpath:")}

    assert parse_stack_config(ours, str(block)).endpoints


@pytest.mark.parametrize("block", every("json"), ids=str)
def test_json_on_a_page_is_json(block: Block) -> None:
    assert json.loads(block.text)


@pytest.mark.parametrize("block", every("python"), ids=str)
def test_python_on_a_page_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_page_speaks_of_no_machine_and_leaves_nothing_open(page: Path) -> None:
    assert not FOREIGN.search(page.read_text(encoding="utf-8"))


def test_the_readme_names_the_go_that_the_engine_is_built_with() -> None:
    assert f"Go {'.'.join(map(str, GO_NEEDED))} or\nnewer" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_page_of_the_docs_can_be_reached_from_the_readme() -> None:
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        linked = [(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link]
        named = [ROOT / path for path in NAMED.findall(page.read_text(encoding="utf-8")) if (ROOT / path).exists()]
        waiting += [path for path in (*linked, *named) if path.suffix == ".md" and path not in reached]

    assert [name_of(page) for page in pages() if page.is_relative_to(ROOT / "docs") and page not in reached] == []
