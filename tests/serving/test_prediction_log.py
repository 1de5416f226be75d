"""The log of predictions: which requests, what of them, and never more than a line may hold."""

import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving.kit import DIGEST, Kit, ready, request_of
from towpath.core.recorded import recorded
from towpath.serving.excerpt import Limits, excerpt, rows_of
from towpath.serving.metrics import exposition
from towpath.serving.prediction_log import Entry, PredictionLog, line_of
from towpath.serving.protocol import parse_request
from towpath.serving.sampling import Sampling
from towpath.serving.tensors import Tensor

ALL = Sampling(share=1.0)


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    env = {"TOWPATH_SAMPLE": "1", "TOWPATH_RELEASE": f"localhost:5055/m@{DIGEST}"}
    with ready("kit_models:Sums", tmp_path_factory.mktemp("sums"), env) as kit:
        yield kit


def sampled(kit: Kit, document: object, **headers: str) -> dict[str, Any]:
    """The line of one request."""
    before = len(kit.predictions())
    kit.infer(document, headers=headers)
    kit.until(lambda: len(kit.predictions()) == before + 1)
    return kit.predictions()[-1]


def rows(*data: float) -> dict[str, object]:
    tensor = {"name": "x", "shape": [len(data) // 2, 2], "datatype": "FP64", "data": list(data)}
    return {"id": "r7", "inputs": [tensor]}


def test_a_line_has_who_answered_what_was_asked_and_what_was_answered(sums: Kit) -> None:
    line = sampled(sums, rows(1, 2.5, 3, 4), Authorization="Bearer hunter2")
    assert line.pop("at") == pytest.approx(line_time(sums), abs=60)
    assert 0 < line.pop("seconds") < 30
    assert line == {
        "towpath": "prediction",
        "v": 1,
        "release": DIGEST,
        "probe": False,
        "status": 200,
        "inputs": {"x": [[1, 2.5], [3, 4]]},
        "tensors": [{"name": "x", "datatype": "FP64", "shape": [2, 2]}],
        "outputs": {"sum": [3.5, 7], "label": ["small", "big"]},
    }
    assert "hunter2" not in sums.output_file.read_text() + sums.log()


def line_time(kit: Kit) -> float:
    return kit.output_file.stat().st_mtime


def test_a_probe_is_marked(sums: Kit) -> None:
    assert sampled(sums, rows(1, 2), **{"x-towpath-arm": "canary"})["probe"] is True


def test_only_the_first_rows_are_logged_and_that_is_said(sums: Kit) -> None:
    line = sampled(sums, rows(*range(12)))
    assert line["inputs"] == {"x": [[0, 1], [2, 3], [4, 5], [6, 7]]}
    assert line["outputs"]["sum"] == [1, 5, 9, 13]
    assert (line["cut"], "tensors" in line) == (True, False)


def test_a_whole_line_is_enough_to_ask_the_same_again(sums: Kit) -> None:
    asked = rows(1, 2.5, 3, 4)
    first = sampled(sums, asked)
    (again,) = recorded([f"churn-0 | {json.dumps(first, separators=(',', ':'))}"], 5).requests
    assert json.loads(again)["inputs"] == asked["inputs"]
    assert sampled(sums, json.loads(again))["outputs"] == first["outputs"]


@pytest.mark.parametrize("shape", [[2], [1, 2], [2, 2, 2], [1, 1, 3]])
def test_a_request_of_any_shape_is_built_again(shape: list[int]) -> None:
    tensor = {"name": "x", "datatype": "FP32", "shape": shape, "data": [n / 2 for n in range(math.prod(shape))]}
    request = parse_request(json.dumps({"inputs": [tensor]}).encode(), ())
    entry = Entry(ALL, probe=False)
    entry.asked(request)
    (again,) = recorded([line_of(entry.record(None, 200, 0.1))], 5).requests
    assert parse_request(again.encode(), ()) == request


def test_a_line_that_had_to_be_cut_cannot_be_asked_again() -> None:
    tensors = [{"name": f"t{n}", "datatype": "BYTES", "shape": [4], "data": ["x" * 200] * 4} for n in range(30)]
    entry = Entry(ALL, probe=False)
    entry.asked(parse_request(json.dumps({"inputs": tensors}).encode(), ()))
    found = recorded([line_of(entry.record(None, 200, 0.1))], 5)
    assert (found.requests, found.lines, found.partial) == ((), 1, 1)


def test_a_refused_request_has_its_status_and_no_outputs(sums: Kit) -> None:
    line = sampled(sums, {"inputs": [{"name": "x"}]})
    assert (line["status"], line["inputs"], "outputs" in line) == (400, {}, False)


def test_a_failed_request_has_its_inputs_and_no_outputs(tmp_path: Path) -> None:
    with ready("kit_models:Moods", tmp_path, {"TOWPATH_SAMPLE": "1"}) as kit:
        line = sampled(kit, request_of("raise"))
        assert (line["status"], line["inputs"], "outputs" in line) == (500, {"x": ["raise"]}, False)
        assert line["release"] is None


def test_inputs_that_were_named_stay_out_and_so_does_what_the_reference_lacks(tmp_path: Path) -> None:
    reference = {"version": 1, "outputs": {}, "inputs": {name: {"cuts": [[1.0]]} for name in ("name", "question")}}
    (tmp_path / "reference.json").write_text(json.dumps(reference))
    env = {"TOWPATH_SAMPLE": "1", "TOWPATH_SAMPLE_WITHOUT": "name, no such field"}
    tensors = [
        {"name": name, "shape": [1], "datatype": "BYTES", "data": [f"a {name}"]}
        for name in ("name", "question", "nickname")
    ]
    with ready("kit_models:Moods", tmp_path, env) as kit:
        line = sampled(kit, {"inputs": tensors})
        assert (line["inputs"], "cut" in line) == ({"question": ["a question"]}, False)
        assert "tensors" not in line, "what stays out can't be asked again"


def test_nothing_is_logged_unless_it_is_asked_for(tmp_path: Path) -> None:
    with ready("kit_models:Echo", tmp_path) as kit:
        assert kit.infer_values(1).status == 200
        assert "towpath_log" not in kit.get("/metrics").body.decode()
        assert kit.stop() == 0
        assert kit.predictions() == []


def test_what_was_taken_is_written_before_the_process_ends(tmp_path: Path) -> None:
    with ready("kit_models:Echo", tmp_path, {"TOWPATH_SAMPLE": "1"}) as kit:
        for number in range(50):
            kit.infer_values(number)
        assert kit.metric("towpath_log_lost_total") == 0
        assert kit.stop() == 0
        assert [line["outputs"]["x"] for line in kit.predictions()] == [[number] for number in range(50)]


def test_a_stream_is_not_logged(tmp_path: Path) -> None:
    with ready("kit_models:Echo", tmp_path, {"TOWPATH_SAMPLE": "1"}) as kit:
        assert kit.infer_values(1, route="infer_stream").status == 200
        assert sampled(kit, request_of(2))["inputs"] == {"x": [2]}


def test_a_feature_is_left_out_by_the_name_that_the_reference_gives_it(tmp_path: Path) -> None:
    inputs = {"x": {"features": ["age", "dose"], "cuts": [[1.0], [1.0]]}}
    (tmp_path / "reference.json").write_text(json.dumps({"version": 1, "outputs": {}, "inputs": inputs}))
    env = {"TOWPATH_SAMPLE": "1", "TOWPATH_SAMPLE_WITHOUT": "age, sum", "TOWPATH_COUNT_INPUTS": "0"}
    with ready("kit_models:Sums", tmp_path, env) as kit:
        line = sampled(kit, rows(41, 2.5, 42, 4))
        assert (line["inputs"], line["outputs"]) == ({"x": [[None, 2.5], [None, 4]]}, {"label": ["big", "big"]})


EXCERPTS = {
    "whole": ([[1, 2], [3, 4]], ([[1, 2], [3, 4]], False)),
    "a vector": ([1, 2, 3, 4, 5], ([1, 2, 3, 4], True)),
    "rows that are wide": ([[0] * 30] * 3, ([[0] * 30] * 2, True)),
    "a first row that is wider than all": ([[0] * 65], ([[0] * 64], True)),
    "a row of just the width": ([[0] * 64], ([[0] * 64], False)),
    "blocks": ([[[1, 2], [3, 4]]], ([[1, 2, 3, 4]], False)),
    "a long text": (["x" * 201], (["x" * 200], True)),
    "no number": ([math.nan, math.inf, 1.5], ([None, None, 1.5], True)),
    "a number of very many digits": ([10**400, 2**64 - 1], ([None, 2**64 - 1], True)),
    "truths": ([True, False], ([True, False], False)),
    "empty rows": ([[], []], ([[], []], False)),
}


@pytest.mark.parametrize(("tensor", "expected"), EXCERPTS.values(), ids=EXCERPTS)
def test_an_excerpt_is_the_beginning_and_says_when_something_is_missing(
    tensor: list[object], expected: tuple[list[object], bool]
) -> None:
    found = excerpt({"x": tensor}, Limits())
    assert (found.tensors["x"], found.cut) == expected


def test_tensors_and_their_names_are_bounded_too() -> None:
    many = excerpt({f"t{number}": [1] for number in range(33)}, Limits())
    assert (len(many.tensors), many.cut) == (32, True)
    long = excerpt({"n" * 300: [1]}, Limits())
    assert (long.tensors, long.cut) == ({"n" * 200: [1]}, True)


def test_rows_that_are_nested_very_deep_are_walked() -> None:
    deep: list[object] = [7]
    for _ in range(5000):
        deep = [deep]
    assert excerpt({"x": [deep]}, Limits()).tensors == {"x": [[7]]}


@pytest.mark.parametrize(
    ("shape", "looked_at"),
    [((2, 3), [[0, 1, 2], [3, 4, 5]]), ((6,), [0, 1, 2, 3, 4]), ((1, 2, 3), [[0, 1, 2, 3, 4, 5]]), ((3, 0), [[]] * 3)],
)
def test_outputs_are_seen_as_rows(shape: tuple[int, ...], looked_at: list[object]) -> None:
    tensor = Tensor(name="y", datatype="INT64", shape=shape, data=list(range(math.prod(shape))))
    assert rows_of(tensor, Limits()) == looked_at


def test_a_line_stays_below_what_docker_leaves_whole() -> None:
    texts: dict[str, object] = {f"{number}" * 200: [["\U0001f600" * 200] * 64] for number in range(10, 42)}
    line = line_of({"towpath": "prediction", "inputs": texts, "outputs": texts})
    assert len(line) < 16_000
    assert json.loads(line)["cut"] is True
    assert "\n" not in line


def test_a_line_that_is_too_long_keeps_half_and_not_nothing() -> None:
    texts: dict[str, object] = {name: [["x" * 200] * 64] for name in "ab"}
    line = json.loads(line_of({"inputs": texts}))
    assert line == {"inputs": {name: [["x" * 100] * 32] for name in "ab"}, "cut": True}


def end(log: PredictionLog, *, code: int = 200) -> None:
    scope: dict[str, Any] = {}
    log.begin(scope, b"{}", probe=False)
    log.ended(scope, code, 0.1)


def lost(log: PredictionLog) -> str:
    return exposition(log.families()).splitlines()[-1]


def test_a_reader_that_stalls_holds_nobody_up_and_costs_lines_that_are_counted() -> None:
    opened, lines = threading.Event(), list[str]()

    def stalled(line: str) -> None:
        opened.wait(20)
        lines.append(line)

    log = PredictionLog(ALL, None, stalled)
    for _ in range(400):
        end(log)
    missing = int(lost(log).removeprefix("towpath_log_lost_total "))
    assert 142 <= missing <= 144
    opened.set()
    log.close()
    assert len(lines) == 400 - missing


def test_a_closed_stdout_is_no_error_and_its_lines_are_counted() -> None:
    def closed(_line: str) -> None:
        raise BrokenPipeError

    log = PredictionLog(ALL, None, closed)
    end(log)
    end(log)
    log.close()
    assert lost(log) == "towpath_log_lost_total 2"


def test_each_line_is_one_write() -> None:
    writes = list[str]()
    log = PredictionLog(ALL, "sha256:1", writes.append)
    end(log, code=503)
    end(log)
    log.close()
    assert [json.loads(line)["status"] for line in writes] == [503, 200]
    assert {line.count("\n") for line in writes} == {1}
