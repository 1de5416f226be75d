"""What replicas count of their predictions, through a stand-in of a router, with the serving kit's own exposition."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.ports import free_port
from towpath.adapters.model_metrics import ModelMetrics, ModelReplica, Readings
from towpath.core.inputs import Feature
from towpath.core.outputs import RouterOutput
from towpath.core.tallies import REPLICA_HEADER, Counted, Tally
from towpath.serving.metrics import exposition
from towpath.serving.predictions import read_reference
from towpath.serving.tensors import Tensor

REFERENCE = {
    "version": 1,
    "rows": 100,
    "outputs": {
        "probability": {"kind": "score", "cuts": [0.4, 0.6]},
        "class": {"kind": "class", "classes": ["malignant", "benign"]},
    },
}
ARMS = [
    ModelReplica(name="s0", arm="stable", address="10.0.0.1:8080"),
    ModelReplica(name="c0", arm="canary", address="10.0.0.2:8080"),
]


@pytest.fixture
def counted(tmp_path: Path) -> str:
    """Three predictions for users and one for us, as the kit exports them."""
    file = tmp_path / "reference.json"
    file.write_text(json.dumps(REFERENCE))
    predictions = read_reference(file)
    for probability, label, probe in (
        (0.5, "benign", False),
        (0.7, "benign", False),
        (0.1, "cat", False),
        (1.0, "benign", True),
    ):
        tensors = [
            Tensor(name="probability", datatype="FP64", shape=(1,), data=[probability]),
            Tensor(name="class", datatype="BYTES", shape=(1,), data=[label]),
        ]
        predictions.observe(tensors, probe=probe)
    return exposition(predictions.seen.families())


@contextmanager
def router(answers: dict[str, tuple[int, str]]) -> Iterator[RouterOutput]:
    """Passes on what the replica at the asked address says."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answers[self.headers[REPLICA_HEADER]] if self.path == "/replica" else (404, "")
            self.send_response(status)
            self.send_header("content-length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield RouterOutput(name="r", url="", stats=f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    thread.join()
    server.server_close()


def test_both_arms_are_read_and_users_told_from_probes(counted: str) -> None:
    with router({"10.0.0.1:8080": (200, counted), "10.0.0.2:8080": (200, counted)}) as one:
        found = ModelMetrics([one]).read(ARMS)
    stable, canary = found.samples
    assert found.problems == ()
    assert (stable.replica, stable.arm, canary.arm) == ("s0", "stable", "canary")
    assert stable.live[Counted(output="probability", above=0.4)] == Tally(events=2, cases=3)
    assert stable.live[Counted(output="probability", above=0.6)] == Tally(events=1, cases=3)
    assert stable.live[Counted(output="class", label="benign")] == Tally(events=2, cases=3)
    assert stable.live[Counted(output="class", label="other")] == Tally(events=1, cases=3)
    assert stable.probe[Counted(output="probability", above=0.6)] == Tally(events=1, cases=1)
    assert stable.live.keys() == stable.probe.keys()


INPUTS = {"x": {"features": ["age", "0"], "cuts": [[20, 40], [1]], "counts": [[3, 4, 5], [6, 6]]}}
ROWS = {"x": [[20, 5], [30, 5], [90, 5]]}


def asked_of(folder: Path, reference: object) -> str:
    file = folder / "reference.json"
    file.write_text(json.dumps(reference))
    predictions = read_reference(file)
    predictions.inputs.observe(ROWS, probe=False)
    predictions.inputs.observe(ROWS, probe=True)
    return exposition([*predictions.seen.families(), *predictions.inputs.families()])


def test_users_requests_are_read_with_the_training_rows_they_are_held_against(tmp_path: Path) -> None:
    text = asked_of(tmp_path, {**REFERENCE, "inputs": INPUTS})
    with router({"10.0.0.1:8080": (200, text)}) as one:
        read = ModelMetrics([one]).read(ARMS[:1])
    assert read.problems == ()
    (sample,) = read.samples
    assert sample.asked == {
        Feature(input="x", name="age", cuts=(20.0, 40.0), trained=(3, 4, 5)): (1, 1, 1),
        Feature(input="x", name="0", cuts=(1.0,), trained=(6, 6)): (0, 3),
    }
    assert [feature.spoken for feature in sample.asked] == ["age", "x[0]"]
    assert all(tally.cases == 0 for tally in sample.live.values())


def test_of_an_older_reference_the_requests_are_read_and_the_training_rows_are_not_known(tmp_path: Path) -> None:
    older = {"x": {"cuts": [[20, 40], [1]]}}
    with router({"10.0.0.1:8080": (200, asked_of(tmp_path, {"version": 1, "outputs": {}, "inputs": older}))}) as one:
        (sample,) = ModelMetrics([one]).read(ARMS[:1]).samples
    assert [feature.trained for feature in sample.asked] == [(), ()]
    assert (sample.live, [sum(counts) for counts in sample.asked.values()]) == ({}, [3, 3])


def test_rows_that_fall_from_one_edge_to_the_next_are_named_and_not_used(tmp_path: Path) -> None:
    text = asked_of(tmp_path, {**REFERENCE, "inputs": INPUTS})
    broken = text.replace('feature="age",probe="false",le="40.0"} 2', 'feature="age",probe="false",le="40.0"} 9')
    with router({"10.0.0.1:8080": (200, broken)}) as one:
        read = ModelMetrics([one]).read(ARMS[:1])
    assert read.samples == ()
    (problem,) = read.problems
    assert "towpath_inputs: age: fewer rows up to a higher edge than up to a lower one" in problem


@pytest.mark.parametrize("answer", [(404, "no such page"), (200, "<html>"), (200, "# TYPE up gauge\nup 1\n")])
def test_a_model_that_counts_no_predictions_has_no_sample_and_no_problem(answer: tuple[int, str]) -> None:
    with router({"10.0.0.1:8080": answer}) as one:
        assert ModelMetrics([one]).read(ARMS[:1]) == Readings()


def test_impossible_counts_are_named_and_not_used(counted: str) -> None:
    broken = counted.replace('class="benign"} 2', 'class="benign"} -2')
    with router({"10.0.0.1:8080": (200, broken)}) as one:
        found = ModelMetrics([one]).read(ARMS[:1])
    assert found.samples == ()
    assert found.problems == ("model replica s0: towpath_predicted_classes_total: -2 is negative",)


def test_a_router_replica_that_is_silent_is_passed_over(counted: str) -> None:
    dead = free_port()
    silent = RouterOutput(name="d", url="", stats=f"http://127.0.0.1:{dead}")
    with router({"10.0.0.1:8080": (200, counted)}) as one:
        assert len(ModelMetrics([silent, one]).read(ARMS[:1]).samples) == 1
    found = ModelMetrics([silent]).read(ARMS[:1])
    (problem,) = found.problems
    assert found.samples == ()
    assert problem.startswith(f"model replica s0: no answer from http://127.0.0.1:{dead}")
