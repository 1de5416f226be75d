"""Lines of the log of predictions, read back."""

import json
from typing import Any

import pytest

from towpath.core.prediction_lines import SAMPLE
from towpath.core.samples import Sample, balanced, read_samples
from towpath.serving.prediction_log import Entry, line_of
from towpath.serving.protocol import InferRequest, Inputs
from towpath.serving.sampling import SAMPLE as KITS
from towpath.serving.sampling import Sampling
from towpath.serving.tensors import Tensor

LINE: dict[str, Any] = {
    "towpath": "prediction",
    "v": 1,
    "at": 12.5,
    "release": "sha256:0",
    "probe": False,
    "seconds": 0.01,
    "status": 200,
    "inputs": {"x": [[1, 2.5], [3, 4]], "segment": ["gold", "silver"], "new": [True]},
    "outputs": {"score": [0.25, 0.5], "class": ["yes", "no"]},
}


def text(**changes: object) -> str:
    return "replica-0 | " + json.dumps({**LINE, **changes}, separators=(",", ":"))


def only(line: str) -> Sample:
    (found,) = read_samples([line]).samples
    return found


def test_of_every_tensor_the_first_row_is_read_value_by_value() -> None:
    assert only(text()) == Sample(
        at=12.5,
        inputs={"x[0]": 1.0, "x[1]": 2.5, "segment": "gold", "new": "true"},
        outputs={"score": 0.25, "class": "yes"},
    )


def test_half_of_a_surrogate_pair_is_told_as_what_can_be_written() -> None:
    assert only(text(inputs={"\ud800": ["\udfff!"]}, outputs={})).inputs == {"\\ud800": "\\udfff!"}


def test_what_the_kit_writes_is_what_is_read() -> None:
    entry = Entry(Sampling(share=1), probe=True)
    entry.asked(InferRequest(id=None, inputs=Inputs({"x": [[1.0, 2.0]], "name": ["ada"]}), outputs=()))
    entry.answered([Tensor(name="score", datatype="FP64", shape=(1, 2), data=[0.25, 0.75])])

    read = only("towpath-1-iris-0 | " + line_of(entry.record(None, 200, 0.1)))

    assert (read.probe, read.inputs) == (True, {"x[0]": 1.0, "x[1]": 2.0, "name": "ada"})
    assert read.outputs == {"score[0]": 0.25, "score[1]": 0.75}


def test_the_variable_that_turns_sampling_on_is_the_kits() -> None:
    assert SAMPLE == KITS


@pytest.mark.parametrize(("status", "failed"), [(200, False), (399, False), (400, True), (503, True)])
def test_refused_and_failed_requests_are_told_by_their_status(status: int, *, failed: bool) -> None:
    assert only(text(status=status)).failed is failed


@pytest.mark.parametrize(
    "value", [None, [], [None], [[None]], 3, {"a": 1}, [{"a": 1}], [[[1]]], [float("nan")], [1e200], [10**400]]
)
def test_what_is_no_value_is_left_out(value: object) -> None:
    assert only(text(inputs={"x": value})).inputs == {}


def test_other_lines_are_not_the_kits() -> None:
    assert read_samples(["replica-0 | INFO started", "", '{"towpath":"other"}', "replica-0 | {"]).unread == 0


@pytest.mark.parametrize(
    "line",
    [
        text(v=2),
        text(at="noon"),
        text(status=None),
        text(inputs=[1]),
        text()[:-9],
        'x | {"towpath":"prediction"}',
        '{"towpath":"prediction","v":' + "[" * 15_000,
    ],
    ids=["newer", "no time", "no status", "no inputs", "cut", "empty", "deep"],
)
def test_a_prediction_that_can_not_be_read_is_counted(line: str) -> None:
    read = read_samples([line, text()])
    assert (read.unread, len(read.samples)) == (1, 1)


def times(samples: list[Sample]) -> list[float]:
    return [sample.at for sample in samples]


def at(*moments: float) -> list[Sample]:
    return [Sample(at=moment) for moment in moments]


def test_both_arms_have_as_many_samples_of_every_span() -> None:
    stable, canary = at(1, 2, 3, 4, 5, 6, 11, 12), at(5.5, 6, 11, 12, 13, 14, 15, 16)

    old, new = balanced(stable, canary, 0, (10, 20))

    assert times(old) == [1, 4, 11, 12]
    assert times(new) == [5.5, 6, 11, 14]


def test_samples_outside_of_all_spans_are_left_out() -> None:
    assert balanced(at(0, 5, 21), at(-1, 6, 20.5), 0, (10, 20)) == (at(5), at(6))
    assert balanced(at(5), at(15), 0, (10, 20)) == ([], [])
    assert balanced([], [], 0, ()) == ([], [])
