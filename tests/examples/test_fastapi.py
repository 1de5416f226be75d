"""The example without the kit answers as its page says; its image is built by the tests that have Docker."""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.serving.kit import ROOT
from tests.support.ports import free_port

EXAMPLE = ROOT / "examples" / "fastapi"
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    port = free_port()
    words = ["-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    process = subprocess.Popen([sys.executable, *words], cwd=folder)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        assert process.wait(20) in (0, -15)  # uvicorn drains, then dies of the signal it was sent


def until_healthy(url: str) -> None:
    for _ in range(1000):
        with contextlib.suppress(urllib3.exceptions.HTTPError):
            if urllib3.request("GET", f"{url}/healthz", retries=False).status == 200:
                return
        time.sleep(0.02)
    raise AssertionError(url)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = Path(shutil.copytree(EXAMPLE, tmp_path_factory.mktemp("fastapi") / "app"))
    with running(folder) as address:
        until_healthy(address)
        yield address


def predict(url: str, flower: object) -> tuple[int, dict[str, Any]]:
    reply = urllib3.request("POST", f"{url}/predict", json=flower, retries=False)
    return reply.status, reply.json()


def test_a_flower_gets_its_species(url: str) -> None:
    assert predict(url, SETOSA) == (200, {"species": "setosa", "distance": 0.141351})


def test_all_problems_of_a_flower_are_said_at_once(url: str) -> None:
    status, said = predict(url, {**SETOSA, "sepal_length": -1, "colour": "blue"})
    assert (status, [problem["loc"][-1] for problem in said["detail"]]) == (422, ["sepal_length", "colour"])


def test_training_again_makes_the_model_that_is_checked_in(tmp_path: Path) -> None:
    shutil.copy(EXAMPLE / "train.py", tmp_path)
    subprocess.run([sys.executable, "train.py"], cwd=tmp_path, check=True, timeout=120)
    assert (tmp_path / "centroids.json").read_bytes() == (EXAMPLE / "centroids.json").read_bytes()


@pytest.mark.parametrize("name", ["fastapi", "breast-cancer"])
def test_requirements_are_locked_with_hashes_and_name_no_host(name: str) -> None:
    locked = (ROOT / "examples" / name / "requirements.txt").read_text()
    pins = re.findall(r"^[a-z][\w.-]*==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", locked, re.MULTILINE)
    assert len(pins) == len(re.findall(r"^[a-z]", locked, re.MULTILINE)) > 5
    assert "://" not in locked


def test_the_page_shows_the_request_that_is_tested() -> None:
    shown = re.findall(r"```json\n(.*?)\n```", (EXAMPLE / "README.md").read_text(), re.DOTALL)
    assert [json.loads(text) for text in shown] == [SETOSA]
