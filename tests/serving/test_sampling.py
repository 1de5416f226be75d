"""Which requests go into the log of predictions, and what of them stays out."""

import json
import math
from typing import cast

import pytest

from towpath.serving.prediction_log import Entry
from towpath.serving.protocol import InferRequest, Inputs, TensorSpec, parse_request
from towpath.serving.sampling import Sampling, read_sampling
from towpath.serving.tensors import Tensor


def test_the_share_is_that_of_different_requests_and_the_same_request_is_always_taken() -> None:
    bodies = [b'{"id": "%d"}' % number for number in range(20_000)]
    taken = [body for body in bodies if Sampling(share=0.05).takes(body)]
    assert 850 < len(taken) < 1150
    assert all(Sampling(share=0.05, without=frozenset("*")).takes(body) for body in taken)
    assert all(Sampling(share=0.2).takes(body) for body in taken)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_none_and_all_are_shares(share: float) -> None:
    assert {Sampling(share=share).takes(b"%d" % number) for number in range(100)} == {share == 1.0}


def test_share_and_names_are_read_from_the_environment() -> None:
    problems: list[str] = []
    told = {"TOWPATH_SAMPLE": "0.25", "TOWPATH_SAMPLE_WITHOUT": " a,,b "}
    expected = Sampling(share=0.25, without=frozenset({"a", "b"}))
    assert (read_sampling(told, problems), read_sampling({}, problems)) == (expected, Sampling())
    assert problems == []


@pytest.mark.parametrize("text", ["1.01", "-0.1", "nan", "some", "1e999"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    problems: list[str] = []
    read_sampling({"TOWPATH_SAMPLE": text}, problems)
    assert problems == [f"TOWPATH_SAMPLE is '{text}', and must be a share from 0 to 1 such as 0.01"]


def test_a_star_leaves_all_inputs_out() -> None:
    entry = Entry(Sampling(share=1.0, without=frozenset({"*"})), probe=False)
    tensors = (
        TensorSpec(name="x", datatype="INT64", shape=(1, 1)),
        TensorSpec(name="y", datatype="BYTES", shape=(1,)),
    )
    entry.asked(InferRequest(id=None, inputs=Inputs({"x": [[1]], "y": ["z"]}), outputs=(), tensors=tensors))
    line = entry.record(None, 200, 0.1)
    assert (line["inputs"], "tensors" in line) == ({}, False)


def logged(
    without: set[str], name: str, shape: tuple[int, ...], takes: tuple[int, ...], features: tuple[str, ...]
) -> tuple[object, bool]:
    """What the log has of a tensor whose values are 0, 1, …; and whether it can be asked again.

    The model declares `x` in the shape it takes, if any; the reference names the features of `x`, if there are any.
    """
    data = list(range(math.prod(shape)))
    body = {"inputs": [{"name": name, "datatype": "INT64", "shape": list(shape), "data": data}]}
    declared = [TensorSpec(name="x", datatype="INT64", shape=takes)] if takes else []
    entry = Entry(Sampling(share=1.0, without=frozenset(without)), probe=False)
    entry.asked(parse_request(json.dumps(body).encode(), declared), {"x": features} if features else {})
    line = entry.record(None, 200, 0.1)
    return line["inputs"].get(name), "tensors" in line


def left_out(*without: str, shape: tuple[int, ...], features: tuple[str, ...] = ()) -> tuple[object, bool]:
    """The same of `x`, as the model declares it."""
    return logged(set(without), "x", shape, shape, features)


@pytest.mark.parametrize(
    ("without", "shape", "features", "kept"),
    [
        (("x[1]",), (2, 3), (), [[0, None, 2], [3, None, 5]]),
        (("x[1]", "x[2]"), (1, 3), (), [[0, None, None]]),
        (("b",), (2, 3), ("a", "b", "c"), [[0, None, 2], [3, None, 5]]),
        (("a", "x[2]"), (1, 3), ("a", "b", "c"), [[None, 1, None]]),
        (("x[1]",), (1, 2, 2), (), [[0, None, 2, None]]),
        (("x[0]",), (3, 1), (), [[None], [None], [None]]),
        (("x[1]",), (3,), (), None),
        (("a",), (3,), ("a",), None),
        (("x",), (1, 3), ("a", "b", "c"), None),
    ],
)
def test_a_feature_stays_out_in_every_row(
    without: tuple[str, ...], shape: tuple[int, ...], features: tuple[str, ...], kept: object
) -> None:
    assert left_out(*without, shape=shape, features=features) == (kept, False)


@pytest.mark.parametrize("without", ["y[1]", "x[7]", "x[-1]", "c"])
def test_what_names_nothing_of_a_tensor_leaves_it_as_it_is(without: str) -> None:
    found, whole = left_out(without, shape=(1, 2), features=("a", "b"))
    assert (found, whole) == ([[0, 1]], without != "x[7]")


THREE, FOUR = ("a", "b", "c"), ("a", "b", "c", "d")
UNKNOWN = {
    "a name that the reference lacks": ({"x"}, "y", (1, 3), (), THREE),
    "the same, where a feature stays out": ({"b"}, "y", (1, 3), (), THREE),
    "any name, where nobody knows any": ({"b"}, "x", (1, 3), (), ()),
    "rows in blocks of another length": ({"x[3]"}, "x", (1, 2, 2), (), FOUR),
    "the same, where it is named": ({"d"}, "x", (1, 2, 2), (), FOUR),
    "a row per value": ({"x[0]"}, "x", (4, 1), (), FOUR),
    "a length that nobody told": ({"x[2]"}, "x", (1, 3), (-1, -1), ()),
    "a length that the model and the reference don't agree about": ({"a"}, "x", (1, 3), (-1, 3), FOUR),
}


@pytest.mark.parametrize(("without", "name", "shape", "takes", "features"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_could_hold_a_value_that_stays_out_stays_out_whole(
    without: set[str], name: str, shape: tuple[int, ...], takes: tuple[int, ...], features: tuple[str, ...]
) -> None:
    assert logged(without, name, shape, takes, features) == (None, False)


KNOWN = {
    "a length that the reference tells": ({"b"}, (2, 3), (), THREE, [[0, None, 2], [3, None, 5]]),
    "by place": ({"x[1]"}, (2, 3), (), THREE, [[0, None, 2], [3, None, 5]]),
    "a length that the model tells": ({"x[1]"}, (1, 3), (-1, 3), (), [[0, None, 2]]),
    "a length of which the model takes any": ({"a"}, (1, 3), (-1, -1), THREE, [[None, 1, 2]]),
    "any shape, where nothing of it stays out": ({"y"}, (1, 2, 2), (), THREE, [[0, 1, 2, 3]]),
}


@pytest.mark.parametrize(("without", "shape", "takes", "features", "kept"), KNOWN.values(), ids=KNOWN)
def test_what_is_known_is_logged_without_what_stays_out(
    without: set[str], shape: tuple[int, ...], takes: tuple[int, ...], features: tuple[str, ...], kept: object
) -> None:
    assert logged(without, "x", shape, takes, features)[0] == kept


def test_where_nothing_stays_out_any_name_is_logged() -> None:
    assert logged(set(), "y", (1, 2), (), THREE) == ([[0, 1]], True)


def test_of_a_row_that_is_very_long_no_left_out_value_slips_in_behind_the_cut() -> None:
    (row,), _ = cast("tuple[list[list[object]], bool]", left_out("x[3]", shape=(1, 200)))
    assert row == [None if place == 3 else place for place in range(64)]
    nested, _ = cast("tuple[list[list[object]], bool]", left_out("x[1]", shape=(1, 40, 5)))
    assert nested[0] == [None if place % 5 == 1 else place for place in range(64)]


def test_outputs_stay_out_too_and_a_star_is_about_inputs_only() -> None:
    tensors = [
        Tensor(name="class", datatype="BYTES", shape=(1,), data=["ill"]),
        Tensor(name="scores", datatype="FP64", shape=(1, 2), data=[0.9, 0.1]),
    ]
    logged = []
    for without in ({"class", "scores[0]"}, {"*"}):
        entry = Entry(Sampling(share=1.0, without=frozenset(without)), probe=False)
        entry.answered(tensors)
        logged.append(entry.record(None, 200, 0.1)["outputs"])
    assert logged == [{"scores": [[None, 0.1]]}, {"class": ["ill"], "scores": [[0.9, 0.1]]}]
