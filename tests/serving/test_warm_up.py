"""A release that says it is ready has answered its hold-out, whatever kind of `predict` it has."""

import json
from pathlib import Path

import pytest

from tests.serving.kit import ready, request_of, serving


def holdout(folder: Path, count: int) -> None:
    rows = [json.dumps(request_of(number)) for number in range(count)]
    (folder / "holdout.jsonl").write_text("\n".join(rows))


@pytest.mark.parametrize(("name", "line"), [("Resident", "[{}]\n"), ("ResidentStream", "{}\n")])
def test_an_async_model_is_loaded_and_warmed_on_the_loop_that_it_answers_on(
    tmp_path: Path, name: str, line: str
) -> None:
    holdout(tmp_path, 20)
    with ready(f"loop_models:{name}", tmp_path) as kit:
        assert (kit.weights / "asked").read_text() == "".join(line.format(number) for number in range(8))
        assert kit.infer_values(5, route="infer_stream").status == 200
        assert "never awaited" not in kit.log()


def test_an_async_warm_up_of_its_own_is_run(tmp_path: Path) -> None:
    holdout(tmp_path, 1)
    with ready("loop_models:ResidentWarmUp", tmp_path) as kit:
        assert (kit.weights / "asked").read_text() == "warm\n"


def test_a_stream_is_warmed_to_its_end_and_not_counted(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_text(
        json.dumps({"version": 1, "rows": 20, "outputs": {"number": {"kind": "score", "cuts": [1, 5]}}})
    )
    (tmp_path / "holdout.jsonl").write_text(json.dumps(request_of(12)))
    with ready("kit_models:Counting", tmp_path) as kit:
        assert kit.metric('towpath_predictions_count{output="number",probe="false"}') == 0
        assert kit.metric("towpath_in_flight") == 0


FAILURES = {
    "FailsToLoad": "load: ValueError: layer 3 has 12 weights, not 10",
    "ColdHeart": "warm_up: RuntimeError: no heat",
    "Broken": "predict: KeyError: 0",
    "BrokenStream": "predict: KeyError: 0",
    "BrokenAsyncStream": "predict: KeyError: 0",
    "Unspeakable": "output 'output' holds object; numbers, strings, booleans, lists and arrays of one kind can be "
    "answered",
    "Leaver": "load: SystemExit: 3",
}


@pytest.mark.parametrize(("name", "reason"), FAILURES.items(), ids=FAILURES)
def test_a_model_that_fails_on_every_row_is_not_ready(tmp_path: Path, name: str, reason: str) -> None:
    holdout(tmp_path, 1)
    with serving(f"loop_models:{name}", tmp_path) as kit:
        kit.until(lambda: kit.state() != "starting")
        answer = kit.get("/v2/health/ready").json
        assert (answer["state"], answer["reason"], answer["terminal"]) == ("failed", reason, True)
        assert kit.stop() == 0
