"""Streams, many requests at once, and what is counted of them."""

import json
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving.kit import GATED, Answer, Kit, ready, request_of

REFERENCE = {
    "version": 1,
    "rows": 20,
    "outputs": {
        "sum": {"kind": "score", "cuts": [1, 5]},
        "label": {"kind": "class", "classes": ["small"]},
    },
}


def parts(answer: Answer) -> list[object]:
    found = re.findall(rb"^data: (.*)$", answer.body, re.MULTILINE)
    return [json.loads(part)["outputs"][0]["data"] for part in found if b"outputs" in part]


@pytest.mark.parametrize("name", ["Counting", "AsyncCounting"])
def test_a_generator_is_streamed_part_by_part(tmp_path: Path, name: str) -> None:
    with ready(f"kit_models:{name}", tmp_path) as kit:
        answer = kit.infer_values(4, route="infer_stream")
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert parts(answer) == [[0], [1], [2], [3]]
        assert parts(kit.infer_values(0, route="infer_stream")) == []
        plain = kit.infer_values(4)
        assert (plain.status, plain.json["error"]) == (400, "this model answers in a stream: use infer_stream")


def test_a_model_without_a_stream_streams_its_one_answer(tmp_path: Path) -> None:
    with ready("kit_models:Echo", tmp_path) as kit:
        assert parts(kit.infer_values(4, route="infer_stream")) == [[4]]


def test_a_part_arrives_before_the_next_is_made(tmp_path: Path) -> None:
    with ready("kit_models:GatedStream", tmp_path) as kit:
        body = json.dumps(request_of(1))
        url = kit.url("/v2/models/m/infer_stream")
        reply = kit.pool.request("POST", url, body=body, preload_content=False)
        chunks = reply.stream(4096)
        assert b"first" in next(chunks)
        (kit.weights / "open").touch()
        assert b"last" in b"".join(chunks)


def test_a_stream_that_breaks_midway_says_so_to_the_caller_the_log_and_the_metrics(tmp_path: Path) -> None:
    with ready("kit_models:Counting", tmp_path) as kit:
        answer = kit.infer_values(20, route="infer_stream")
        assert len(parts(answer)) == 13
        assert answer.body.endswith(
            b'event: error\ndata: {"error":"the model failed; the log of this release says how"}\n\n'
        )
        assert kit.metric("towpath_broken_streams_total") == 1
        assert [event["event"] for event in kit.events() if event["level"] == "error"] == ["stream_failed"]


def test_a_caller_that_leaves_a_stream_takes_nothing_with_it(tmp_path: Path) -> None:
    with ready("kit_models:GatedStream", tmp_path) as kit:
        url = kit.url("/v2/models/m/infer_stream")
        reply = kit.pool.request("POST", url, body=json.dumps(request_of(1)), preload_content=False)
        next(reply.stream(4096))
        reply.close()
        (kit.weights / "open").touch()
        kit.until(lambda: kit.metric("towpath_in_flight") == 0)
        assert parts(kit.infer_values(1, route="infer_stream")) == [["first"], ["last"]]
        assert [event for event in kit.events() if event["level"] == "error"] == []


def open_when(kit: Kit, wanted: Callable[[], bool]) -> threading.Thread:
    """Open the gate as soon as something is so, from a thread."""

    def wait_and_open() -> None:
        kit.until(wanted)
        (kit.weights / "open").touch()

    thread = threading.Thread(target=wait_and_open)
    thread.start()
    return thread


def many(kit: Kit, count: int, value: object, route: str = "infer") -> list[Answer]:
    answers: list[Answer] = []

    def ask() -> None:
        answers.append(kit.infer_values(value, route=route))

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_requests_run_side_by_side_up_to_the_number_of_threads(tmp_path: Path) -> None:
    with ready("kit_models:Gate", tmp_path, {"TOWPATH_THREADS": "3"}) as kit:
        opener = open_when(kit, (kit.weights / "held-3").exists)
        answers = many(kit, 3, 1)
        opener.join(20)
        assert [answer.status for answer in answers] == [200] * 3


@pytest.mark.parametrize(("target", "route"), GATED)
def test_what_finds_the_queue_full_is_told_to_come_back(tmp_path: Path, target: str, route: str) -> None:
    with ready(target, tmp_path, {"TOWPATH_THREADS": "1", "TOWPATH_QUEUE": "1"}) as kit:
        refused = f'towpath_requests_total{{route="{route}",code="503"}}'
        opener = open_when(kit, lambda: kit.metric(refused) == 3)
        answers = many(kit, 5, 1, route)
        opener.join(20)
        assert sorted(answer.status for answer in answers) == [200, 200, 503, 503, 503]
        told = next(answer for answer in answers if answer.status == 503)
        assert (told.headers["retry-after"], told.json) == ("1", {"error": "too many requests wait already"})


def test_health_answers_while_every_thread_computes(tmp_path: Path) -> None:
    with ready("kit_models:Busy", tmp_path, {"TOWPATH_THREADS": "2"}) as kit:
        load = threading.Thread(target=many, args=(kit, 4, 0.5))
        load.start()
        kit.until(lambda: kit.metric("towpath_in_flight") == 4)
        began = time.monotonic()
        assert kit.get("/v2/health/ready").status == 200
        assert kit.metric("towpath_in_flight") != 0  # so it answered in the middle of it
        assert time.monotonic() - began < 1
        load.join(30)


def test_the_metrics_count_requests_by_code_time_them_and_can_be_parsed(tmp_path: Path) -> None:
    with ready("kit_models:Moods", tmp_path) as kit:
        for mood in ("matrix", "matrix", "raise", "refuse"):
            kit.infer_values(mood)
        kit.get("/v2/health/ready")
        answer = kit.get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        samples = {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(answer.body.decode())
            for sample in family.samples
        }
    infer = ("route", "infer")
    codes = {code: samples["towpath_requests_total", ("code", code), infer] for code in ("200", "400", "500")}
    assert codes == {"200": 2, "400": 1, "500": 1}
    assert samples["towpath_request_seconds_count", infer] == 4
    assert samples["towpath_request_seconds_bucket", ("le", "+Inf"), infer] == 4
    assert samples["towpath_request_seconds_bucket", ("le", "60.0"), infer] == 4
    assert samples["towpath_ready",] == 1
    assert samples["towpath_in_flight",] == 0
    assert samples["process_cpu_seconds_total",] > 0
    assert samples["process_resident_memory_bytes",] > 2**20


def test_predictions_are_counted_at_the_cuts_of_the_reference_probes_apart(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_text(json.dumps(REFERENCE))
    with ready("kit_models:Sums", tmp_path) as kit:
        assert kit.metric('towpath_predictions_count{output="sum",probe="false"}') == 0
        assert kit.metric('towpath_predicted_classes_total{output="label",probe="true",class="other"}') == 0
        rows = {"name": "x", "shape": [4, 2], "datatype": "FP64", "data": [0, 0, 0, 1, 1, 2, 9, 9]}
        kit.infer({"inputs": [rows]})
        kit.infer({"inputs": [rows]}, headers={"x-towpath-arm": "canary"})
        for probe in ("true", "false"):
            labels = f'output="sum",probe="{probe}"'
            buckets = [
                kit.metric(f'towpath_predictions_bucket{{{labels},le="{edge}"}}') for edge in ("1.0", "5.0", "+Inf")
            ]
            assert buckets == [2, 3, 4]
            assert kit.metric(f"towpath_predictions_sum{{{labels}}}") == 22
            classes = f'towpath_predicted_classes_total{{output="label",probe="{probe}",class='
            assert kit.metric(f'{classes}"small"}}') == 3
            assert kit.metric(f'{classes}"other"}}') == 1


def test_a_log_line_has_no_body_and_the_access_log_is_asked_for(tmp_path: Path) -> None:
    with ready("kit_models:Echo", tmp_path, {"TOWPATH_ACCESS_LOG": "1"}) as kit:
        kit.infer_values("a private matter", headers={"x-request-id": "r1"})
        kit.until(lambda: any(event["event"] == "request" for event in kit.events()))
        (line,) = [event for event in kit.events() if event["event"] == "request"]
        assert (line["route"], line["code"], line["request_id"]) == ("infer", 200, "r1")
        assert "private" not in kit.log()
