"""What the wire says: metadata, tensors, and every problem of a request at once."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.kit import DIGEST, Kit, ready


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    env = {
        "TOWPATH_RELEASE": f"localhost:5055/m@{DIGEST}",
        "TOWPATH_COMMIT": "c0ffee",
        "TOWPATH_DATA": "sha256:da7a",
        "TOWPATH_METRICS": '{"accuracy": 0.97}',
        "TOWPATH_MAX_BODY": "100000",
    }
    with ready("kit_models:Sums", tmp_path_factory.mktemp("sums"), env) as kit:
        yield kit


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    with ready("kit_models:Echo", tmp_path_factory.mktemp("echo")) as kit:
        yield kit


@pytest.fixture(scope="module")
def moods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kit]:
    with ready("kit_models:Moods", tmp_path_factory.mktemp("moods")) as kit:
        yield kit


def x(data: object, shape: object = (2, 2), datatype: object = "FP64", name: object = "x") -> dict[str, object]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


def test_the_server_says_what_it_is(sums: Kit) -> None:
    assert sums.get("/v2").json == {"name": "towpath", "version": "2", "extensions": []}


def test_the_metadata_has_the_declared_tensors_and_the_digest_as_version(sums: Kit) -> None:
    assert sums.get("/v2/models/m").json == {
        "name": "m",
        "versions": [DIGEST],
        "platform": "python",
        "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 2]}],
        "outputs": [{"name": "sum", "datatype": "FP64", "shape": [-1]}],
    }


def test_provenance_is_what_the_environment_told(sums: Kit) -> None:
    assert sums.get("/provenance").json == {
        "model": "m",
        "release": f"localhost:5055/m@{DIGEST}",
        "digest": DIGEST,
        "commit": "c0ffee",
        "data": "sha256:da7a",
        "metrics": {"accuracy": 0.97},
    }


def test_provenance_of_a_release_that_was_told_nothing_is_empty_not_wrong(echo: Kit) -> None:
    nothing: dict[str, object] = {"release": None, "digest": None, "commit": None, "data": None, "metrics": {}}
    assert echo.get("/provenance").json == {"model": "m", **nothing}


def test_an_answer_has_id_version_and_every_output(sums: Kit) -> None:
    answer = sums.infer({"id": "7", "inputs": [x([1.5, 2, 3, 4])]})
    assert answer.status == 200
    assert answer.headers["x-towpath-release"] == DIGEST
    assert answer.json == {
        "model_name": "m",
        "model_version": DIGEST,
        "id": "7",
        "outputs": [
            {"name": "sum", "datatype": "FP64", "shape": [2], "data": [3.5, 7]},
            {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["small", "big"]},
        ],
    }


def test_only_the_outputs_asked_for_are_given(sums: Kit) -> None:
    answer = sums.infer({"inputs": [x([1, 2, 3, 4])], "outputs": [{"name": "label"}]})
    assert [output["name"] for output in answer.json["outputs"]] == ["label"]


def test_an_output_the_model_lacks_is_the_callers_error(sums: Kit) -> None:
    answer = sums.infer({"inputs": [x([1, 2, 3, 4])], "outputs": [{"name": "odds"}]})
    assert (answer.status, answer.json["error"]) == (400, "outputs: the model gives no 'odds'; it gives sum, label")


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]], ids=["flat", "nested"])
def test_flat_and_nested_data_mean_the_same(sums: Kit, data: object) -> None:
    assert sums.infer({"inputs": [x(data)]}).json["outputs"][0]["data"] == [3, 7]


@pytest.mark.parametrize(
    ("datatype", "data"),
    [
        ("BOOL", [True, False]),
        ("INT8", [-128, 127]),
        ("UINT64", [0, 2**64 - 1]),
        ("FP64", [0.1, -1e300]),
        ("BYTES", ["a", "ö\n"]),
    ],
)
def test_values_come_through_unchanged(echo: Kit, datatype: str, data: list[object]) -> None:
    answer = echo.infer({"inputs": [x(data, (2, 1), datatype)]})
    assert answer.json["outputs"][0]["data"] == data
    assert answer.json["outputs"][0]["shape"] == [2, 1]


def test_half_of_a_surrogate_pair_comes_back_as_it_was_sent(echo: Kit) -> None:
    answer = echo.infer({"id": "\ud800", "inputs": [x(["a", "\udfff"], (2,), "BYTES", "ü\ud800")]})
    (output,) = answer.json["outputs"]
    assert (answer.status, answer.json["id"]) == (200, "\ud800")
    assert (output["name"], output["data"]) == ("ü\ud800", ["a", "\udfff"])


def test_half_of_a_surrogate_pair_can_be_told_of_in_a_refusal(sums: Kit) -> None:
    answer = sums.infer({"inputs": [x("1", name="ü\ud800")]})
    assert (answer.status, answer.headers["content-type"]) == (400, "application/json")
    assert answer.json["problems"][0] == "inputs[0] (ü\ud800).data: must be a list, is a string"


def test_several_tensors_come_by_name(echo: Kit) -> None:
    answer = echo.infer({"inputs": [x([1], (1,), "INT64", "a"), x(["b"], (1,), "BYTES", "b")]})
    assert [(out["name"], out["data"]) for out in answer.json["outputs"]] == [("a", [1]), ("b", ["b"])]


BAD = {
    "not json": (b"{", "the body is not JSON"),
    "a number that JSON lacks": (b'{"inputs": [NaN]}', "NaN is not a JSON number"),
    "a list": (b"[]", "must be a JSON object, is an empty list"),
    "deep nesting": (b"[" * 90_000, "the body is not JSON"),
}


@pytest.mark.parametrize(("body", "said"), BAD.values(), ids=BAD)
def test_a_body_that_is_no_request_is_refused(sums: Kit, body: bytes, said: str) -> None:
    answer = sums.ask("POST", "/v2/models/m/infer", body)
    assert answer.status == 400
    assert said in answer.json["error"]


PROBLEMS = {
    "no inputs": ({}, "inputs: must be a list of tensors, is absent"),
    "no tensor": ({"inputs": []}, "inputs: must be a list of tensors, is an empty list"),
    "a tensor that is text": ({"inputs": ["x"]}, "inputs[0]: must be a tensor with name, shape, datatype and data"),
    "no name": ({"inputs": [x([1], name=None)]}, "inputs[0].name: must be a string, is absent"),
    "a name twice": ({"inputs": [x([1] * 4), x([1] * 4)]}, "inputs[1].name: 'x' comes twice"),
    "another name": ({"inputs": [x([1] * 4, name="y")]}, "inputs: the model takes no 'y'; it takes x"),
    "an id that is a number": ({"id": 3, "inputs": [x([1] * 4)]}, "id: must be a string, is a number"),
    "an unknown datatype": ({"inputs": [x([1], datatype="FP8")]}, "datatype: must be one of BOOL"),
    "another datatype": ({"inputs": [x([1] * 4, datatype="INT64")]}, "the model takes FP64, not INT64"),
    "a shape of text": ({"inputs": [x([1], shape="2")]}, "shape: must be a list of whole numbers, is '2'"),
    "a shape below zero": ({"inputs": [x([1], shape=[-1, 2])]}, "shape: must be a list of whole numbers, is [-1, 2]"),
    "more dimensions than any tensor has": (
        {"inputs": [x([1], shape=[999] * 10_000)]},
        "inputs[0] (x).shape: must have at most 32 dimensions, has 10000",
    ),
    "a dimension that no tensor has": (
        {"inputs": [x([1], shape=[10**400, 2])]},
        "inputs[0] (x).shape: no dimension may be longer than 9223372036854775807",
    ),
    "another shape": ({"inputs": [x([1] * 3, shape=[1, 3])]}, "the model takes [-1, 2] (-1: any), not [1, 3]"),
    "no rows": ({"inputs": [x([], shape=[0, 2])]}, "shape: [0, 2] has no rows"),
    "data that is no list": ({"inputs": [x("1234")]}, "data: must be a list, is a string"),
    "too few values": ({"inputs": [x([1, 2, 3])]}, "has 3 values, the shape [2, 2] needs 4"),
    "rows of another length": ({"inputs": [x([[1, 2, 3], [4, 5, 6]])]}, "its rows don't have the shape [2, 2]"),
    "ragged rows": ({"inputs": [x([[1, 2], [3]])]}, "its rows don't have the shape [2, 2]"),
    "rows mixed with numbers": ({"inputs": [x([[1, 2], 3])]}, "value 0 is a list, which isn't FP64"),
    "null": ({"inputs": [x([1, None, 3, 4])]}, "value 1 is null, which isn't FP64"),
    "a boolean as a number": ({"inputs": [x([1, True, 3, 4])]}, "value 1 is true or false, which isn't FP64"),
    "outputs of text": ({"inputs": [x([1] * 4)], "outputs": ["sum"]}, "outputs: must be a list of objects with a name"),
}


@pytest.mark.parametrize(("document", "said"), PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_wrong_with_a_request_is_said(sums: Kit, document: object, said: str) -> None:
    answer = sums.infer(document)
    assert answer.status == 400
    assert any(said in problem for problem in answer.json["problems"]), answer.json


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ([10] * 4400, "must have at most 32 dimensions, has 4400"),
        ([2**63], "no dimension may be longer than 9223372036854775807"),
    ],
    ids=["of very many dimensions", "of one that is very long"],
)
def test_a_shape_that_no_tensor_has_is_refused_whatever_the_model_takes(echo: Kit, shape: list[int], said: str) -> None:
    answer = echo.infer({"inputs": [x([1], shape)]})
    assert (answer.status, answer.json["problems"]) == (400, [f"inputs[0] (x).shape: {said}"])


def test_the_longest_shape_that_is_read_is_held_against_its_values(echo: Kit) -> None:
    answer = echo.infer({"inputs": [x([1], [2**63 - 1] * 32)]})
    assert (answer.status, len(answer.json["error"]) < 2000) == (400, True)


@pytest.mark.parametrize(
    ("shape", "status"),
    [([500, *[1] * 31], 400), ([500, 1, 1, 1, 1], 200), ([1] * 32, 200), ([2] * 9, 200), ([1, 1, 1, 1, 1, 500], 200)],
)
def test_a_small_request_is_not_blown_up_by_its_shape(echo: Kit, shape: list[int], status: int) -> None:
    answer = echo.infer({"inputs": [x([1] * math.prod(shape), shape)]})
    assert answer.status == status
    assert ("makes more than 4 lists of each value" in answer.json.get("error", "")) is (status == 400)


def test_a_whole_number_outside_its_datatype_is_refused(echo: Kit) -> None:
    answer = echo.infer({"inputs": [x([1, 300], (2,), "UINT8")]})
    assert answer.json["problems"] == ["inputs[0] (x).data: value 1 is outside the range of UINT8"]


def test_a_fraction_is_no_whole_number(echo: Kit) -> None:
    answer = echo.infer({"inputs": [x([1.5], (1,), "INT64")]})
    assert answer.json["problems"] == ["inputs[0] (x).data: value 0 is a number with a fraction, which isn't INT64"]


def test_all_problems_are_said_at_once(echo: Kit) -> None:
    tensors = [x([1], (1,), "FP9", "a"), x([1, 2], (1,), "INT64", "b"), x(["s"], (1,), "FP32", "c")]
    answer = echo.infer({"id": 1, "inputs": tensors})
    assert len(answer.json["problems"]) == 4


def test_a_body_over_the_limit_is_refused_before_it_is_read_whole(sums: Kit) -> None:
    answer = sums.ask("POST", "/v2/models/m/infer", b" " * 200_000)
    assert (answer.status, answer.json["error"]) == (413, "the body is larger than 100000 bytes")


def test_binary_tensor_data_is_refused_by_name(sums: Kit) -> None:
    answer = sums.ask("POST", "/v2/models/m/infer", b"{}", {"Inference-Header-Content-Length": "2"})
    assert (answer.status, answer.json["error"]) == (
        400,
        "binary tensor data isn't supported: send the tensors as JSON",
    )


@pytest.mark.parametrize("path", ["/v2/models/other", "/v2/models/other/ready"])
def test_another_model_is_not_here(sums: Kit, path: str) -> None:
    answer = sums.get(path)
    assert (answer.status, answer.json) == (404, {"error": "there is no model 'other' here; this is 'm'"})


def test_the_models_own_word_for_a_bad_request_reaches_the_caller(moods: Kit) -> None:
    answer = moods.infer_values("refuse")
    assert (answer.status, answer.json["error"]) == (400, "I don't predict on that")


@pytest.mark.parametrize("mood", ["raise", "exit", "nan", "ragged", "object", "nothing"])
def test_a_model_that_fails_answers_500_and_tells_only_the_log_why(moods: Kit, mood: str) -> None:
    answer = moods.infer_values(mood, headers={"x-request-id": f"id-of-{mood}"})
    assert (answer.status, answer.json) == (500, {"error": "the model failed; the log of this release says how"})
    logged = [event for event in moods.events() if event.get("request_id") == f"id-of-{mood}"]
    assert [event["event"] for event in logged] == ["predict_failed"]
    assert "Traceback" in logged[0]["traceback"]


def test_nested_answers_have_their_shape(moods: Kit) -> None:
    output = moods.infer_values("matrix").json["outputs"][0]
    assert (output["name"], output["shape"], output["data"]) == ("output", [2, 2], [1, 2, 3, 4])


def test_one_rule_for_rows_a_model_of_one_tensor_is_not_asked_with_two(moods: Kit) -> None:
    answer = moods.infer({"inputs": [x(["raise"], (1,), "BYTES"), x(["raise"], (1,), "BYTES", "y")]})
    assert (answer.status, answer.json["error"]) == (400, "this model takes one tensor, the request has 2: x, y")


def test_an_async_model_is_awaited(tmp_path: Path) -> None:
    with ready("kit_models:Async", tmp_path) as kit:
        assert kit.infer_values(1, 2).json["outputs"][0]["data"] == [1, 2]


@pytest.mark.parametrize("name", ["Weighted", "WeightedByAttribute"])
def test_load_gets_the_weights_as_an_argument_or_as_an_attribute(tmp_path: Path, name: str) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "factor.json").write_text("3")
    with ready(f"kit_models:{name}", tmp_path) as kit:
        assert kit.infer_values(1, 2).json["outputs"][0]["data"] == [3, 6]
