"""The model's own tests, run when a release is built: `python -m pytest tests` after training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults import Faults, InjectedError, Settings, read_settings
from model import BreastCancer

HERE = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> BreastCancer:
    """The trained model, whatever faults this release asks for."""
    loaded = BreastCancer(faults_file=tmp_path_factory.mktemp("none") / "faults.toml")
    loaded.load(HERE / "weights")
    loaded.warm_up()
    return loaded


@pytest.fixture(scope="module")
def requests() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / "holdout.jsonl").read_text(encoding="utf-8").splitlines()]


def ask(model: BreastCancer, requests: list[dict[str, Any]]) -> dict[str, Any]:
    return model.predict({"measurements": [request["inputs"][0]["data"] for request in requests]})


def test_the_weights_are_as_good_as_training_measured(model: BreastCancer, requests: list[dict[str, Any]]) -> None:
    classes = ask(model, requests)["class"]
    right = sum(given == request["parameters"]["label"] for given, request in zip(classes, requests, strict=True))
    measured = json.loads((HERE / "metrics.json").read_text(encoding="utf-8"))["accuracy"]
    assert right / len(requests) == pytest.approx(measured, abs=1e-6)


def test_a_row_is_answered_alone_as_among_others(model: BreastCancer, requests: list[dict[str, Any]]) -> None:
    together = ask(model, requests[:10])["probability"]
    alone = [ask(model, [request])["probability"][0] for request in requests[:10]]
    assert together == pytest.approx(alone)


def test_the_scores_lie_around_the_cuts_of_the_reference(model: BreastCancer, requests: list[dict[str, Any]]) -> None:
    reference = json.loads((HERE / "reference.json").read_text(encoding="utf-8"))["outputs"]["probability"]
    scores = np.asarray(ask(model, requests)["probability"])
    below = [float(np.mean(scores <= cut)) for cut in reference["cuts"]]
    assert below == pytest.approx(reference["quantiles"], abs=0.01)


def test_without_faults_nothing_fails_waits_or_moves() -> None:
    waits: list[float] = []
    faults = Faults(Settings(), sleep=waits.append)
    assert [faults.strike() for _ in range(100)] == [0.0] * 100
    assert waits == []


def test_the_asked_share_of_requests_fails() -> None:
    faults = Faults(Settings(errors=0.2, seed=1))
    assert failures(faults, 5000) == pytest.approx(1000, abs=100)


def test_faults_begin_after_the_asked_number_of_requests() -> None:
    faults = Faults(Settings(errors=1.0, score_shift=0.5, after_requests=10))
    assert [faults.strike() for _ in range(10)] == [0.0] * 10
    assert failures(faults, 5) == 5


def test_faults_begin_after_the_asked_time() -> None:
    now = [100.0]
    faults = Faults(Settings(score_shift=0.5, after_seconds=60), clock=lambda: now[0])
    assert faults.strike() == 0.0
    now[0] += 60
    assert faults.strike() == 0.5


def test_latency_is_added() -> None:
    waits: list[float] = []
    Faults(Settings(latency_ms=30), sleep=waits.append).strike()
    assert waits == [0.03]


def test_a_key_that_means_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text("error = 0.2\n", encoding="utf-8")
    with pytest.raises(ValueError, match="unknown error; known are after_requests"):
        read_settings(tmp_path / "faults.toml")


def failures(faults: Faults, count: int) -> int:
    failed = 0
    for _ in range(count):
        try:
            faults.strike()
        except InjectedError:
            failed += 1
    return failed
