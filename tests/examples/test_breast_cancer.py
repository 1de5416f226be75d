"""The example really trains and really serves: what the kit answers is what scikit-learn says."""

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.docs.pages import lines
from tests.serving.kit import ROOT, Kit, ready, serving, typed
from tests.support.shell import type_in
from towpath.serving import reference

EXAMPLE = ROOT / "examples" / "breast-cancer"
PAGE = EXAMPLE / "README.md"
WRITTEN = ("weights/pipeline.pkl", "weights/card.json", "metrics.json", "holdout.jsonl", "reference.json")


def copy_of(folder: Path) -> Path:
    """The example as a fresh clone has it: without what training writes."""
    target = folder / "breast-cancer"
    shutil.copytree(EXAMPLE, target, ignore=shutil.ignore_patterns("weights", "*.json", "*.jsonl", "__pycache__"))
    return target


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = copy_of(tmp_path_factory.mktemp("trained"))
    type_in(folder, lines(PAGE, "python train.py")[0])
    return folder


def fresh(trained: Path, tmp_path: Path) -> Path:
    """A copy that a test may put faults into."""
    return Path(shutil.copytree(trained, tmp_path / "copy"))


def requests_of(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "holdout.jsonl").read_text().splitlines()]


def test_training_writes_everything_a_release_needs_and_the_model_is_good(trained: Path) -> None:
    assert [name for name in WRITTEN if not (trained / name).is_file()] == []
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.93
    assert metrics["rows_learned"] + metrics["rows_held_out"] == 569
    assert len(requests_of(trained)) == metrics["rows_held_out"]
    cuts = json.loads((trained / "reference.json").read_text())["outputs"]["probability"]["cuts"]
    assert cuts == sorted(set(cuts))
    assert len(cuts) == 5


def test_training_again_elsewhere_writes_the_same_bytes(trained: Path, tmp_path: Path) -> None:
    other = copy_of(tmp_path)
    run(other, "train.py")
    assert [name for name in WRITTEN if (trained / name).read_bytes() != (other / name).read_bytes()] == []


def test_the_second_version_is_better(trained: Path, tmp_path: Path) -> None:
    first = json.loads((trained / "metrics.json").read_text())
    second = json.loads(type_in(fresh(trained, tmp_path), lines(PAGE, "python train.py")[1]))
    assert second["log_loss"] < first["log_loss"]
    assert second["accuracy"] > first["accuracy"]


def test_the_models_own_tests_pass_after_training(trained: Path) -> None:
    assert "9 passed" in run(trained, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")


def test_the_served_answers_are_scikit_learns_own(trained: Path, tmp_path: Path) -> None:
    folder = fresh(trained, tmp_path)
    requests = requests_of(folder)
    rows = np.asarray([request["inputs"][0]["data"] for request in requests])
    pipeline = pickle.loads((folder / "weights" / "pipeline.pkl").read_bytes())  # noqa: S301 - trained a moment ago
    card = json.loads((folder / "weights" / "card.json").read_text())
    places = [card["columns"].index(name) for name in card["features"]]
    expected = pipeline.predict_proba(rows[:, places])[:, 1]
    with ready("model:BreastCancer", folder) as kit:
        answers = [kit.infer(request).json["outputs"] for request in requests]
    assert [answer[0]["data"][0] for answer in answers] == pytest.approx(list(expected), abs=1e-12)
    assert [answer[1]["data"] for answer in answers] == [
        [["malignant", "benign"][int(score > 0.5)]] for score in expected
    ]


def test_it_is_served_and_asked_by_hand_as_the_page_says(trained: Path, tmp_path: Path) -> None:
    folder = fresh(trained, tmp_path)
    (serve,) = lines(PAGE, "TOWPATH_MODEL=breast-cancer python -m towpath.serving")
    (ask,) = lines(PAGE, "head -n 1 holdout.jsonl | curl")
    with typed(serve, folder) as kit:
        answer = json.loads(type_in(folder, ask.replace(":8080/", f":{kit.port}/")))
    assert [output["name"] for output in answer["outputs"]] == ["probability", "class"]


def test_every_training_row_lies_in_one_bin_of_each_measurement_about_a_tenth_in_each(trained: Path) -> None:
    inputs = json.loads((trained / "reference.json").read_text())["inputs"]["measurements"]
    learned = json.loads((trained / "metrics.json").read_text())["rows_learned"]
    assert {sum(rows) for rows in inputs["counts"]} == {learned}
    full = [rows for rows, cuts in zip(inputs["counts"], inputs["cuts"], strict=True) if len(cuts) == 9]
    assert len(full) > 20
    assert all(0.05 * learned < count < 0.15 * learned for rows in full for count in rows)
    assert len(reference.read(trained / "reference.json").inputs[0].counts) == 30


def test_the_served_scores_are_counted_at_the_references_cuts(trained: Path, tmp_path: Path) -> None:
    folder = fresh(trained, tmp_path)
    requests = requests_of(folder)
    median = json.loads((folder / "reference.json").read_text())["outputs"]["probability"]["cuts"][2]
    with ready("model:BreastCancer", folder) as kit:
        for request in requests:
            kit.infer(request, headers={"x-towpath-arm": "canary"})
        below = kit.metric(f'towpath_predictions_bucket{{output="probability",probe="true",le="{median}"}}')
        assert below == pytest.approx(len(requests) / 2, abs=1)
        assert kit.metric('towpath_predictions_count{output="probability",probe="false"}') == 0


def codes(kit: Kit, request: dict[str, Any], count: int) -> list[int]:
    return [kit.infer(request).status for _ in range(count)]


def test_a_release_with_errors_gets_ready_and_then_fails_its_share(trained: Path, tmp_path: Path) -> None:
    folder = fresh(trained, tmp_path)
    (folder / "faults.toml").write_text("errors = 0.5\nseed = 3\nafter_requests = 10\n")
    with ready("model:BreastCancer", folder) as kit:
        request = requests_of(folder)[0]
        assert codes(kit, request, 10) == [200] * 10
        assert 25 <= codes(kit, request, 100).count(500) <= 75


def test_a_release_with_shifted_scores_answers_all_and_otherwise(trained: Path, tmp_path: Path) -> None:
    folder = fresh(trained, tmp_path)
    request = requests_of(folder)[0]
    with ready("model:BreastCancer", folder) as kit:
        before = kit.infer(request).json["outputs"][0]["data"][0]
    (folder / "faults.toml").write_text("score_shift = 0.25\n")
    with ready("model:BreastCancer", folder) as kit:
        after = kit.infer(request).json["outputs"][0]["data"][0]
    sd = json.loads((folder / "weights" / "card.json").read_text())["log_odds_sd"]
    moved = np.log(after / (1 - after)) - np.log(before / (1 - before))
    assert moved == pytest.approx(0.25 * sd, rel=1e-6)


def test_a_misspelt_fault_is_a_release_that_fails_to_start(trained: Path, tmp_path: Path) -> None:
    folder = fresh(trained, tmp_path)
    (folder / "faults.toml").write_text("error = 0.5\n")
    with serving("model:BreastCancer", folder) as kit:
        kit.until_state("failed")
        reason = kit.get("/v2/health/ready").json["reason"]
        assert reason.startswith("BreastCancer(): ValueError: faults.toml: unknown error; known are")
