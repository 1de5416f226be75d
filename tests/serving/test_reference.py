"""reference.json: what it may say, and everything that is wrong with it at once."""

import json
from pathlib import Path

import pytest

from towpath.serving.reference import BadReference, Reference, Watched, WatchedInput, read


def written(folder: Path, document: object) -> Path:
    path = folder / "reference.json"
    path.write_text(json.dumps(document))
    return path


def said_of(folder: Path, document: object) -> list[str]:
    with pytest.raises(BadReference) as caught:
        read(written(folder, document))
    return str(caught.value).removeprefix("reference.json: ").split("; ")


def test_outputs_and_inputs_are_read(tmp_path: Path) -> None:
    document = {
        "version": 1,
        "rows": 20,
        "outputs": {
            "p": {"kind": "score", "cuts": [0, 0.5], "column": 1},
            "c": {"kind": "class", "classes": ["a", 2]},
        },
        "inputs": {
            "x": {"features": ["age", "height"], "cuts": [[20, 40], [1.6]]},
            "y": {"cuts": [[1], [2]], "counts": [[3, 0], [1, 2]]},
        },
    }
    assert read(written(tmp_path, document)) == Reference(
        outputs=(
            Watched(output="p", cuts=(0.0, 0.5), classes=(), column=1),
            Watched(output="c", cuts=(), classes=("a", "2"), column=None),
        ),
        inputs=(
            WatchedInput(tensor="x", features=("age", "height"), cuts=((20.0, 40.0), (1.6,))),
            WatchedInput(tensor="y", features=("0", "1"), cuts=((1.0,), (2.0,)), counts=((3, 0), (1, 2))),
        ),
    )


def test_inputs_may_be_absent(tmp_path: Path) -> None:
    assert read(written(tmp_path, {"version": 1, "outputs": {}})) == Reference()


OUTPUTS = {
    "text": ("p", "outputs.p: must be an object"),
    "no kind": ({}, "outputs.p: kind must be score or class"),
    "a column of text": ({"column": "1"}, "outputs.p: column must be a whole number"),
    "no cuts": ({"kind": "score"}, "outputs.p: cuts must be 1 to 64 rising numbers"),
    "cuts of text": ({"kind": "score", "cuts": ["1"]}, "outputs.p: cuts must be 1 to 64 rising numbers"),
    "cuts that fall": ({"kind": "score", "cuts": [2, 1]}, "outputs.p: cuts must be 1 to 64 rising numbers"),
    "a cut twice": ({"kind": "score", "cuts": [1, 1]}, "outputs.p: cuts must be 1 to 64 rising numbers"),
    "a cut that is no number": (
        {"kind": "score", "cuts": [float("nan")]},
        "outputs.p: cuts must be 1 to 64 rising numbers",
    ),
    "a cut at infinity": (
        {"kind": "score", "cuts": [1, float("inf")]},
        "outputs.p: cuts must be 1 to 64 rising numbers",
    ),
    "a cut beyond": ({"kind": "score", "cuts": [10**400]}, "outputs.p: cuts must be 1 to 64 rising numbers"),
    "a boolean": ({"kind": "score", "cuts": [False, 1]}, "outputs.p: cuts must be 1 to 64 rising numbers"),
    "many cuts": ({"kind": "score", "cuts": list(range(65))}, "outputs.p: cuts must be 1 to 64 rising numbers"),
    "no classes": ({"kind": "class", "classes": []}, "outputs.p: classes must be a list of 1 to 64 names"),
}


@pytest.mark.parametrize(("output", "said"), OUTPUTS.values(), ids=OUTPUTS)
def test_what_is_wrong_with_an_output_is_said(tmp_path: Path, output: object, said: str) -> None:
    assert said_of(tmp_path, {"version": 1, "outputs": {"p": output}}) == [said]


CUTS = "inputs.x: must be an object whose cuts have a list of numbers per feature"
ROWS = "counts must have for each feature a list of whole numbers, one more than its cuts and not all 0"
NAMES = "inputs.x: features must be 2 different names, one per list of cuts"
TWO = [[1], [2]]
INPUTS = {
    "text": ("x", CUTS),
    "no cuts": ({"features": ["a"]}, CUTS),
    "cuts of no feature": ({"cuts": []}, CUTS),
    "too few names": ({"cuts": TWO, "features": ["a"]}, NAMES),
    "a name twice": ({"cuts": TWO, "features": ["a", "a"]}, NAMES),
    "an empty name": ({"cuts": TWO, "features": ["a", ""]}, NAMES),
    "a number as a name": ({"cuts": TWO, "features": ["a", 1]}, NAMES),
    "names in a text": ({"cuts": TWO, "features": "ab"}, NAMES),
    "training rows of one feature of two": ({"cuts": [[1], [2]], "counts": [[3, 4]]}, f"inputs.x: {ROWS}"),
    "training rows of too few bins": ({"cuts": [[1, 2]], "counts": [[3, 4]]}, f"inputs.x: {ROWS}"),
    "training rows that are shares": ({"cuts": [[1]], "counts": [[0.5, 0.5]]}, f"inputs.x: {ROWS}"),
    "training rows below none": ({"cuts": [[1]], "counts": [[-1, 5]]}, f"inputs.x: {ROWS}"),
    "no training rows at all": ({"cuts": [[1]], "counts": [[0, 0]]}, f"inputs.x: {ROWS}"),
    "cuts that fall": ({"cuts": [[1], [2, 1]]}, "inputs.x: cuts of 1 must be 1 to 64 rising numbers"),
    "cuts that aren't a list": ({"cuts": [1, 2]}, "inputs.x: cuts of 0 must be 1 to 64 rising numbers"),
    "a feature without cuts": (
        {"cuts": [[], [1]], "features": ["age", "height"]},
        "inputs.x: cuts of age must be 1 to 64 rising numbers",
    ),
}


@pytest.mark.parametrize(("tensor", "said"), INPUTS.values(), ids=INPUTS)
def test_what_is_wrong_with_an_input_is_said(tmp_path: Path, tensor: object, said: str) -> None:
    assert said in said_of(tmp_path, {"version": 1, "outputs": {}, "inputs": {"x": tensor}})


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    document = {
        "version": 1,
        "outputs": {f"p{number}": {"kind": "score", "cuts": []} for number in range(33)},
        "inputs": {"x": {"cuts": [[1]] * 40}, "y": {"cuts": [*[[1]] * 24, [3, 2]]}, "z": 5},
    }
    said = said_of(tmp_path, document)
    assert said[0] == "outputs: 33 are more than the 32 that can be counted"
    assert len([problem for problem in said if "cuts must be 1 to 64 rising numbers" in problem]) == 33
    assert said[-3:] == [
        "inputs.y: cuts of 24 must be 1 to 64 rising numbers",
        "inputs.z: must be an object whose cuts have a list of numbers per feature",
        "inputs: 65 features are more than the 64 that can be counted",
    ]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ([], "must be an object with version 1"),
        ({"version": 2}, "must be an object with version 1"),
        ({"version": 1}, "outputs must be an object, one member per output"),
        ({"version": 1, "outputs": {}, "inputs": []}, "inputs must be an object, one member per tensor"),
    ],
)
def test_a_document_of_another_form_is_refused(tmp_path: Path, document: object, said: str) -> None:
    assert said_of(tmp_path, document) == [said]


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "reference.json"
    path.write_text("{")
    with pytest.raises(BadReference, match=r"^reference.json can't be read: Expecting"):
        read(path)
