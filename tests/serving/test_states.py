"""Readiness: starting, ready, failed with its reason, draining; and an end that loses no request."""

import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.serving.kit import GATED, Answer, Kit, ready, request_of, serving
from towpath.adapters.holdout import read_rows
from towpath.serving.state import Phase, Readiness


def in_background(kit: Kit, *values: object, route: str = "infer") -> tuple[threading.Thread, list[Answer]]:
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(kit.infer_values(*values, route=route)))
    thread.start()
    return thread, answers


def test_a_model_that_still_loads_is_alive_and_not_ready(tmp_path: Path) -> None:
    with serving("kit_models:SlowToLoad", tmp_path) as kit:
        answer = kit.get("/v2/health/ready")
        assert (answer.status, answer.headers["x-towpath-state"]) == (503, "starting")
        assert answer.json == {"ready": False, "state": "starting", "reason": "loading the model", "terminal": False}
        assert kit.get("/v2/models/m/ready").status == 503
        assert kit.infer_values(1).json == {"error": "the model is starting"}
        (kit.weights / "open").touch()
        kit.until_state("ready")
        assert kit.infer_values(1).status == 200


def test_a_model_that_still_loads_can_be_stopped_at_once(tmp_path: Path) -> None:
    with serving("kit_models:SlowToLoad", tmp_path) as kit:
        began = time.monotonic()
        assert kit.stop() == 0
        assert time.monotonic() - began < 5


FAILURES = {
    "FailsToLoad": "load: ValueError: layer 3 has 12 weights, not 10",
    "ColdHeart": "warm_up: RuntimeError: no heat",
    "NoPredict": "kit_models:NoPredict must be a class with a method predict(self, inputs)",
    "Absent": "kit_models:Absent must be a class with a method predict(self, inputs)",
}


@pytest.mark.parametrize(("name", "reason"), FAILURES.items(), ids=FAILURES)
def test_a_model_that_cannot_be_served_says_why_and_that_waiting_is_no_use(
    tmp_path: Path, name: str, reason: str
) -> None:
    with serving(f"kit_models:{name}", tmp_path) as kit:
        kit.until_state("failed")
        answer = kit.get("/v2/health/ready")
        assert (answer.status, answer.headers["x-towpath-state"]) == (503, "failed")
        assert answer.json == {"ready": False, "state": "failed", "reason": reason, "terminal": True}
        assert kit.get("/v2/health/live").status == 200
        assert kit.infer_values(1).status == 503
        assert [event["reason"] for event in kit.events() if event["event"] == "load_failed"] == [reason]
        assert kit.stop() == 0


def test_a_module_that_is_not_there_is_named(tmp_path: Path) -> None:
    with serving("nowhere:Model", tmp_path) as kit:
        kit.until_state("failed")
        reason = kit.get("/v2/health/ready").json["reason"]
        assert reason == "import of nowhere: ModuleNotFoundError: No module named 'nowhere'"


def test_a_model_is_warmed_with_the_first_rows_of_its_holdout(tmp_path: Path) -> None:
    rows = [json.dumps(request_of(number)) for number in range(20)]
    (tmp_path / "holdout.jsonl").write_text("\n".join(rows))
    with ready("kit_models:Warm", tmp_path) as kit:
        assert (kit.weights / "asked").read_text() == "".join(f"[{number}]\n" for number in range(8))


def test_a_blank_line_of_the_holdout_is_a_row_for_no_reader(tmp_path: Path) -> None:
    rows = [json.dumps(request_of(number)) for number in range(9)]
    holdout = tmp_path / "holdout.jsonl"
    holdout.write_text(f"\n{rows[0]}\n \r\n\t{rows[1]} \r\n\n\n" + "\n".join(rows[2:]) + "\n\n")
    assert read_rows(holdout) == tuple(rows)
    with ready("kit_models:Warm", tmp_path) as kit:
        assert (kit.weights / "asked").read_text() == "".join(f"[{number}]\n" for number in range(8))


def test_a_models_own_warm_up_comes_instead_of_the_holdout(tmp_path: Path) -> None:
    (tmp_path / "holdout.jsonl").write_text(json.dumps(request_of(1)))
    with ready("kit_models:WarmByItself", tmp_path) as kit:
        assert (kit.weights / "warmed").exists()
        assert not (kit.weights / "asked").exists()


def test_a_model_that_cannot_answer_its_own_holdout_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "holdout.jsonl").write_text('{"inputs": []}')
    with serving("kit_models:Warm", tmp_path) as kit:
        kit.until_state("failed")
        assert kit.get("/v2/health/ready").json["reason"] == "inputs: must be a list of tensors, is an empty list"


def test_a_reference_that_cannot_be_used_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_text('{"version": 1, "outputs": {"p": {"kind": "score", "cuts": [2, 1]}}}')
    with serving("kit_models:Warm", tmp_path) as kit:
        kit.until_state("failed")
        reason = kit.get("/v2/health/ready").json["reason"]
        assert reason == "reference.json: outputs.p: cuts must be 1 to 64 rising numbers"


def test_sigterm_makes_it_unready_at_once_and_lets_the_request_under_way_finish(tmp_path: Path) -> None:
    with ready("kit_models:Gate", tmp_path) as kit:
        thread, answers = in_background(kit, 5)
        kit.until((kit.weights / "held-1").exists)
        kit.process.send_signal(signal.SIGTERM)
        kit.until_state("draining")
        assert kit.get("/v2/health/ready").status == 503
        (kit.weights / "open").touch()
        thread.join(20)
        assert [answer.status for answer in answers] == [200]
        assert answers[0].headers["connection"] == "close"
        assert kit.process.wait(20) == 0
        assert kit.events()[-1]["cut"] == 0


def test_it_goes_on_answering_that_it_drains_while_a_request_is_under_way(tmp_path: Path) -> None:
    with ready("kit_models:Gate", tmp_path) as kit:
        thread, answers = in_background(kit, 5)
        kit.until((kit.weights / "held-1").exists)
        kit.process.send_signal(signal.SIGTERM)
        kit.until_state("draining")
        began = time.monotonic()
        while time.monotonic() - began < 1.5:  # longer than the server gives answers when the drain is over
            assert kit.state() == "draining"
        (kit.weights / "open").touch()
        thread.join(20)
        assert [answer.status for answer in answers] == [200]


def test_nothing_leads_back_from_draining_or_failed() -> None:
    draining, failed = Readiness(), Readiness()
    draining.drain()
    draining.ready()
    draining.fail("too late")
    failed.fail("no weights")
    failed.drain()
    failed.ready()
    assert (draining.now.phase, failed.now.phase, failed.now.reason) == (Phase.DRAINING, Phase.FAILED, "no weights")


def test_a_request_that_comes_in_the_linger_time_is_still_answered(tmp_path: Path) -> None:
    with ready("kit_models:Echo", tmp_path, {"TOWPATH_LINGER": "10"}) as kit:
        kit.process.send_signal(signal.SIGTERM)
        kit.until_state("draining")
        assert kit.infer_values(5).status == 200


def test_a_stream_under_way_is_drained_to_its_end(tmp_path: Path) -> None:
    with ready("kit_models:GatedStream", tmp_path) as kit:
        thread, answers = in_background(kit, 5, route="infer_stream")
        kit.until(lambda: kit.metric("towpath_in_flight") == 1)
        kit.process.send_signal(signal.SIGTERM)
        kit.until_state("draining")
        (kit.weights / "open").touch()
        thread.join(20)
        assert answers[0].body.count(b"data: ") == 2
        assert kit.process.wait(20) == 0


@pytest.mark.parametrize(("target", "route"), GATED)
def test_a_request_that_outlives_the_drain_time_is_cut_and_counted(tmp_path: Path, target: str, route: str) -> None:
    with ready(target, tmp_path, {"TOWPATH_DRAIN": "0.3"}) as kit:
        with ThreadPoolExecutor() as callers:
            asked = callers.submit(kit.infer_values, 5, route=route)
            kit.until(lambda: kit.metric("towpath_in_flight") == 1)
            began = time.monotonic()
            assert kit.stop() == 0
            assert time.monotonic() - began < 5
        failed = asked.exception() is not None or asked.result().status != 200
        assert failed
        last = kit.events()[-1]
        assert (last["event"], last["level"], last["cut"]) == ("stopped", "warning", 1)


def test_a_second_signal_stops_without_waiting(tmp_path: Path) -> None:
    with ready("kit_models:Gate", tmp_path, {"TOWPATH_DRAIN": "60"}) as kit:
        thread, _ = in_background(kit, 5)
        kit.until((kit.weights / "held-1").exists)
        kit.process.send_signal(signal.SIGTERM)
        kit.until_state("draining")
        assert kit.stop() == 0
        thread.join(20)
        assert kit.events()[-1]["cut"] == 1


def test_all_bad_settings_are_said_at_once(tmp_path: Path) -> None:
    env = {"TOWPATH_THREADS": "many", "TOWPATH_DRAIN": "-1", "TOWPATH_METRICS": "[]", "TOWPATH_LOG_LEVEL": "loud"}
    env |= {"TOWPATH_SAMPLE": "2", "TOWPATH_COUNT_INPUTS": "no"}
    with pytest.raises(AssertionError) as caught, serving("kit_models:Echo", tmp_path, env):
        pass
    said = [json.loads(line)["problem"] for line in str(caught.value).splitlines()]
    assert said == [
        "TOWPATH_THREADS is 'many', and must be a number such as 4",
        "TOWPATH_DRAIN is '-1', and can't be negative",
        "TOWPATH_LOG_LEVEL is 'LOUD', and must be one of DEBUG, INFO, WARNING, ERROR",
        'TOWPATH_METRICS must be a JSON object such as {"accuracy": 0.96}',
        "TOWPATH_COUNT_INPUTS is 'no', and must be 0 or 1",
        "TOWPATH_SAMPLE is '2', and must be a share from 0 to 1 such as 0.01",
    ]
