"""Code on the pages, run as it stands there."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.docs.pages import ROOT, Block, blocks, commands
from tests.serving.kit import ready

YOUR_OWN = ROOT / "docs" / "your-own-model.md"


def python_with(word: str) -> Block:
    return next(block for block in blocks(YOUR_OWN) if block.language == "python" and word in block.text)


def test_the_class_of_the_page_serves_the_request_of_the_page(tmp_path: Path) -> None:
    (tmp_path / "churn.py").write_text(python_with("class Churn").text)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "scale.txt").write_text("2.0")
    shown = [one.text for block in blocks(YOUR_OWN) for one in commands(block)]
    served = shlex.split(next(text for text in shown if text.startswith("python -m towpath.serving")))
    _, _, body, url = shlex.split(next(text for text in shown if text.startswith("curl --data")))

    with ready(served[3], tmp_path, {"TOWPATH_MODEL": served[5]}) as kit:
        path = re.sub(r"^http://127.0.0.1:8080", "", url)
        assert kit.ask("POST", path, body.encode()).json["outputs"][0]["data"] == [0.6000000000000001]
        assert kit.get(f"/v2/models/{served[5]}").json["inputs"][0]["name"] == "customers"


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
    page = ROOT / "docs" / "cli.md"
    line = next(one.text for block in blocks(page) for one in commands(block) if one.text.startswith("python -c"))
    done = subprocess.run(
        [sys.executable, *shlex.split(line)[1:]],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=ROOT / "src",
    )

    assert json.loads(done.stdout)["title"] == "deploy.toml"


def test_the_goldens_are_where_the_page_looks_for_them() -> None:
    assert (ROOT / "docs" / "cli.md").is_file()
    assert (ROOT / "tests" / "golden").is_dir()
