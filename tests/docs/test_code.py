"""Code on the pages, run as it stands there."""

import json
from pathlib import Path

from tests.docs.pages import ROOT, Block, blocks, lines
from tests.e2e.support.required import leave_out
from tests.serving.kit import typed
from tests.support.shell import type_in

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
YOUR_OWN = ROOT / "docs" / "your-own-model.md"


def python_with(word: str) -> Block:
    return next(block for block in blocks(YOUR_OWN) if block.language == "python" and word in block.text)


def test_the_class_of_the_page_serves_the_request_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(python_with("class Churn").text)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "scale.txt").write_text("2.0")
    (serve,) = lines(YOUR_OWN, "python -m towpath.serving")
    (ask,) = lines(YOUR_OWN, "curl --data")

    with typed(serve, tmp_path) as kit:
        answer = json.loads(type_in(tmp_path, ask.replace(":8080/", f":{kit.port}/")))
        assert answer["outputs"][0]["data"] == [0.6000000000000001]
        assert kit.get("/v2/models/churn").json["inputs"][0]["name"] == "customers"


def test_the_function_of_the_page_asks_a_classifier_in_its_words() -> None:
    names: dict[str, object] = {}
    exec(compile(python_with("def predict(model").text, "page", "exec"), names)  # noqa: S102 - the page's own code

    class Classifier:
        def predict(self, rows: list[list[float]]) -> list[int]:
            return [int(sum(row) > 1) for row in rows]

        def predict_proba(self, rows: list[list[float]]) -> "Columns":
            return Columns(rows)

    class Columns:
        def __init__(self, rows: list[list[float]]) -> None:
            self._rows = rows

        def __getitem__(self, place: tuple[slice, int]) -> list[float]:
            return [row[place[1]] for row in self._rows]

    predict = names["predict"]
    assert callable(predict)
    assert predict(Classifier(), {"customers": [[0.2, 0.9]]}) == {"probability": [0.9], "class": [1]}


def test_the_schema_of_the_pipeline_is_printed_as_the_page_says() -> None:
    (line,) = lines(ROOT / "docs" / "cli.md", "python -c")

    assert json.loads(type_in(ROOT, line))["title"] == "deploy.toml"


def test_the_goldens_are_where_the_page_looks_for_them() -> None:
    if not (ROOT / ".git").exists():
        leave_out("this is no Git checkout")
    (look,) = lines(CONTRIBUTING, "git diff")

    type_in(ROOT, look, GIT_OPTIONAL_LOCKS="0")
    assert [(ROOT / folder).is_dir() for folder in look.split()[2:]] == [True, True]
    assert (ROOT / "docs" / "cli.md").is_file()


def test_one_file_of_tests_is_run_as_the_page_says() -> None:
    (line,) = lines(CONTRIBUTING, ".venv/bin/python -m pytest")

    assert " passed" in type_in(ROOT, line.removeprefix(".venv/bin/"))
