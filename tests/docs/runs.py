"""Which test runs a command that a page shows."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.docs.pages import ROOT, blocks, commands, pages
from tests.docs.walk import followed

_ENDS: Final = frozenset({"|", "&&", ";", "||"})

GATES: Final = "tests/docs/test_code.py::test_one_file_of_tests_is_run_as_the_page_says"
GOLDENS: Final = "tests/docs/test_code.py::test_the_goldens_are_where_the_page_looks_for_them"
BACKUP: Final = "tests/docs/test_backup.py::test_the_runbooks_backup_is_a_state_that_can_be_read_again"
LISTED: Final = "tests/docs/test_backup.py::test_lists_of_containers_are_taken_by_docker"
HEALED: Final = (
    "tests/infra/test_docker_pull.py::test_a_blob_that_was_damaged_is_named_and_is_pushed_again_once_it_is_removed"
)
SERVED: Final = "tests/docs/test_code.py::test_the_class_of_the_page_serves_the_request_of_the_page"
SCHEMA: Final = "tests/docs/test_code.py::test_the_schema_of_the_pipeline_is_printed_as_the_page_says"
TRAINED: Final = "tests/examples/test_breast_cancer.py::test_the_second_version_is_better"
ASKED: Final = "tests/examples/test_breast_cancer.py::test_it_is_served_and_asked_by_hand_as_the_page_says"
OWN: Final = (
    "tests/e2e/test_own_container.py::"
    "test_a_fastapi_image_is_built_from_its_dockerfile_taken_over_by_its_digest_and_promoted"
)

# what neither the walk along docs/your-own-model.md types nor `deploy` does in process
OTHERS: Final = {
    "python -m towpath.serving churn:Churn --model churn --host 127.0.0.1": SERVED,
    "curl --data": SERVED,
    "python -c": SCHEMA,
    "tar -czf towpath-state.tar.gz .towpath": BACKUP,
    "tar -xzf towpath-state.tar.gz": BACKUP,
    "rm -r .towpath": BACKUP,
    "docker ps --filter label=towpath.role=replica": LISTED,
    "docker ps --filter label=towpath.stack=prod": LISTED,
    "docker ps -a --filter label=towpath.role": LISTED,
    "docker exec towpath-1f2e-platform-registry rm -r": HEALED,
    "docker restart towpath-1f2e-platform-registry": HEALED,
    "git diff docs tests/golden": GOLDENS,
    ".venv/bin/python -m pytest tests/core/test_gates.py": GATES,
    "python train.py": TRAINED,
    "python train.py --set 'features=\"all\"'": TRAINED,
    "TOWPATH_MODEL=breast-cancer python -m towpath.serving --host 127.0.0.1 model:BreastCancer": ASKED,
    "head -n 1 holdout.jsonl": ASKED,
    "curl --data @- http://127.0.0.1:8080/v2/models/breast-cancer/infer": ASKED,
    "pip download --require-hashes -r requirements.txt -d wheels": OWN,
    "pip download --no-deps pip -d wheels": OWN,
    "docker build --network none": OWN,
}


def shown() -> list[tuple[str, str]]:
    """(page, simple command) of every command that a page shows in a block, once per page."""
    found = (one for page in pages() for block in blocks(page) for one in commands(block))
    return list(dict.fromkeys((one.block.page, part) for one in found for part in parts(one.text)))


def walked() -> frozenset[str]:
    """The simple commands that the walk types."""
    return frozenset(part for text in followed() for part in parts(text))


def in_process() -> list[str]:
    """The lines of `deploy` that the walk leaves out."""
    typed = walked()
    return list(dict.fromkeys(text for _, text in shown() if text.startswith("deploy ") and text not in typed))


def parts(text: str) -> Iterator[str]:
    """The simple commands of a command line; a loop is one."""
    if text.startswith("eval "):
        yield text
        yield from re.findall(r"\$\((.+)\)", text)
    elif text.startswith("for "):
        yield text
    else:
        yield from _simple(text)


def _simple(text: str) -> Iterator[str]:
    found: list[str] = []
    for word in shlex.split(text, posix=False):
        if word in _ENDS:
            yield " ".join(found)
            found = []
        else:
            found.append(word)
    yield " ".join(found)


def other(text: str) -> str | None:
    """The test that runs another program's command, by the whole command or by how it begins."""
    begins = (test for begin, test in OTHERS.items() if text.startswith(f"{begin} "))
    return OTHERS.get(text) or next(begins, None)


def program(text: str) -> str:
    """The name of the program that a simple command runs."""
    return Path(next(word for word in text.split() if "=" not in word)).name


def targets() -> frozenset[str]:
    """What `make` can be asked for."""
    return frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def source(test: str) -> str:
    """The text of the test with that id; empty when it isn't there."""
    file, _, name = test.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8") if (ROOT / file).is_file() else ""
    found = (one for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef) and one.name == name)
    return next((ast.get_source_segment(text, one) or "" for one in found), "")
