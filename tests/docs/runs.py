"""Which test runs a command that a page shows: by its words, with stack and environment names left out."""

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from tests.docs.pages import ROOT

_NAMES: Final = frozenset({"platform", "dev", "staging", "prod"})
_ENDS: Final = frozenset({"|", "&&", ";", "||"})

GATES: Final = "tests/core/test_gates.py::test_a_good_release_passes_every_gate"
GOLDENS: Final = "tests/docs/test_code.py::test_the_goldens_are_where_the_page_looks_for_them"
PROMOTED: Final = (
    "tests/e2e/test_road.py::test_a_good_release_replaces_stable_by_canary_and_goes_back_without_one_failed_request"
)
BY_HAND: Final = (
    "tests/e2e/test_canary.py::test_a_plain_up_in_mid_canary_overrides_the_promotion_and_nothing_is_applied_after_it"
)
WALK: Final = "tests/docs/test_walk.py::test_the_page_leads_from_a_pickle_to_prod_and_back"
BACKUP: Final = "tests/docs/test_backup.py::test_the_runbooks_backup_is_a_state_that_can_be_read_again"
LISTED: Final = "tests/docs/test_backup.py::test_the_runbooks_lists_of_containers_are_taken_by_docker"
SERVED: Final = "tests/docs/test_code.py::test_the_class_of_the_page_serves_the_request_of_the_page"
SCHEMA: Final = "tests/docs/test_code.py::test_the_schema_of_the_pipeline_is_printed_as_the_page_says"
TRAINED: Final = "tests/examples/test_breast_cancer.py::test_the_second_version_is_better"
ASKED: Final = "tests/examples/test_breast_cancer.py::test_the_served_answers_are_scikit_learns_own"
FLOWER: Final = "tests/examples/test_fastapi.py::test_a_flower_gets_its_species"

# `NAME` stands for an environment or the platform.
PULUMI: Final = {
    "pulumi up -s NAME": BY_HAND,
    "pulumi preview -s NAME": PROMOTED,
    "pulumi refresh -s NAME": WALK,
    "pulumi cancel -s NAME": WALK,
    "pulumi stack output": WALK,
    "pulumi stack output endpoints -s NAME": WALK,
    "pulumi config set --stack NAME --secret secrets:NAME": WALK,
}

OTHERS: Final = {
    'eval "$(deploy shellenv)"': WALK,
    'export PATH="$PWD/.venv/bin:$PATH"': WALK,
    "mkdir churn": WALK,
    "cd churn": WALK,
    "git init": WALK,
    "git add .": WALK,
    'git commit -m "Describe the pipeline"': WALK,
    "for s in platform dev staging prod; do pulumi stack init $s && pulumi up --yes --stack $s; done": WALK,
    'git commit -am "Promote churn to dev and staging"': WALK,
    "curl -i http://127.0.0.1:8081/": WALK,
    "python -m towpath.serving churn:Churn --model churn --host 127.0.0.1": SERVED,
    "curl --data": SERVED,
    "python -c": SCHEMA,
    "tar -czf towpath-state.tar.gz .towpath": BACKUP,
    "tar -xzf towpath-state.tar.gz": BACKUP,
    "rm -r .towpath": BACKUP,
    "docker ps --filter label=towpath.role=replica": LISTED,
    "docker ps --filter label=towpath.stack=prod": LISTED,
    "docker ps -a --filter label=towpath.role": LISTED,
    "git diff docs tests/golden": GOLDENS,
    ".venv/bin/python -m pytest tests/core/test_gates.py": GATES,
    "python train.py": TRAINED,
    "python train.py --set 'features=\"all\"'": TRAINED,
    "TOWPATH_MODEL=breast-cancer python -m towpath.serving --host 127.0.0.1 model:BreastCancer": ASKED,
    "head -n 1 holdout.jsonl": ASKED,
    "curl --data @- http://127.0.0.1:8080/v2/models/breast-cancer/infer": ASKED,
    "pip download --require-hashes -r requirements.txt -d wheels": FLOWER,
    "pip download --no-deps pip -d wheels": FLOWER,
    "docker build --network none": FLOWER,
}


def simple(text: str) -> Iterator[str]:
    """The simple commands of a command line; a loop is one."""
    if text.startswith("for "):
        yield text
        return
    found: list[str] = []
    for word in shlex.split(text, posix=False):
        if word in _ENDS:
            yield " ".join(found)
            found = []
        else:
            found.append(word)
    yield " ".join(found)


def without_names(words: Sequence[str]) -> str:
    """A command with `NAME` for every stack."""
    return " ".join("NAME" if word in _NAMES else word for word in words)


def other(text: str) -> str | None:
    """The test that runs another program's command, by the whole command or by how it begins."""
    begins = (test for begin, test in OTHERS.items() if text.startswith(f"{begin} "))
    return OTHERS.get(text) or next(begins, None)


def targets() -> frozenset[str]:
    """What `make` can be asked for."""
    return frozenset(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def exists(test: str) -> bool:
    """Whether a test of that id is there."""
    file, _, name = test.partition("::")
    path = ROOT / file
    return path.is_file() and f"def {name}(" in path.read_text(encoding="utf-8")
