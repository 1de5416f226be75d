"""Numbers that a datatype can't hold: of the model's own where it declares one, else of the one that was sent."""

import json

import pytest

from towpath.serving.protocol import BadInput, Inputs, TensorSpec, parse_request


def parsed(text: str, datatype: str, takes: str = "") -> Inputs:
    """The inputs of a request with such data, sent to a model that takes this datatype, or any."""
    tensor = {"name": "x", "shape": [len(json.loads(text))], "datatype": datatype, "data": 0}
    body = json.dumps({"inputs": [tensor]}).replace('"data": 0', f'"data": {text}')
    declared = [TensorSpec(name="x", datatype=takes, shape=(-1,))] if takes else []
    return parse_request(body.encode(), declared).inputs


OUTSIDE = {
    "what the model takes, not what is sent": ("[1, 300]", "INT64", "UINT8"),
    "a negative number": ("[0, -1]", "INT8", "UINT64"),
    "a float's infinity": ("[0.5, 1e999]", "FP64", ""),
    "a negative infinity": ("[0.5, -1e999]", "FP64", "FP64"),
    "both infinities": ("[0.5, 1e999, -1e999]", "FP32", ""),
    "a whole number that no float is as great as": (f"[0, {10**400}]", "FP32", ""),
    "the same below zero, among its like": (f"[0, -{10**400}, {10**400}]", "FP64", "FP64"),
    "a number that is an infinity in half precision": ("[1, 65520]", "FP64", "FP16"),
    "a number that is one in single precision": ("[1, 3.4028236e38]", "FP64", "FP32"),
    "a number that is one in bfloat16": ("[1, -3.4e38]", "FP32", "BF16"),
}


@pytest.mark.parametrize(("text", "datatype", "takes"), OUTSIDE.values(), ids=OUTSIDE)
def test_a_number_that_the_datatype_cannot_hold_is_refused(text: str, datatype: str, takes: str) -> None:
    with pytest.raises(BadInput) as refused:
        parsed(text, datatype, takes)
    assert refused.value.problems == (f"inputs[0] (x).data: value 1 is outside the range of {takes or datatype}",)


INSIDE = {
    "the limits of what the model takes": ("[0, 255]", "INT64", "UINT8"),
    "more than what was sent holds": ("[300]", "UINT8", "INT64"),
    "the greatest of double precision": ("[1.7976931348623157e308, -1.7976931348623157e308]", "FP64", ""),
    "as a whole number": (f"[{10**308}, 0.5]", "FP64", ""),
    "the greatest of single precision as it is printed": ("[3.4028235e38, -3.4028235e38]", "FP32", "FP32"),
    "the greatest of half precision": ("[65504, -65504.0]", "FP16", ""),
    "nothing": ("[]", "FP32", ""),
}


@pytest.mark.parametrize(("text", "datatype", "takes"), INSIDE.values(), ids=INSIDE)
def test_a_number_that_it_holds_is_taken_as_it_is(text: str, datatype: str, takes: str) -> None:
    assert parsed(text, datatype, takes) == {"x": json.loads(text)}


def test_every_tensor_has_its_own_problem() -> None:
    tensors = [{"name": name, "shape": [1], "datatype": "FP32", "data": [10**400]} for name in "ab"]
    with pytest.raises(BadInput) as refused:
        parse_request(json.dumps({"inputs": tensors}).encode(), ())
    assert [problem[:13] for problem in refused.value.problems] == ["inputs[0] (a)", "inputs[1] (b)"]
