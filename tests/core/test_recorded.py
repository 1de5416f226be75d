import json

import pytest

from towpath.core.recorded import recorded


def line(value: object = 1.0, **changed: object) -> str:
    tensor = {"name": "x", "datatype": "FP64", "shape": [1, 2]}
    entry = {
        "towpath": "prediction",
        "v": 1,
        "at": 12.5,
        "probe": False,
        "status": 200,
        "inputs": {"x": [[value, 2]]},
        "tensors": [tensor],
    }
    return f"iris-abc-0 | {json.dumps(entry | changed, separators=(',', ':'))}"


def row(value: float) -> str:
    return f'{{"inputs":[{{"name":"x","datatype":"FP64","shape":[1,2],"data":[{value},2]}}]}}'


def test_users_requests_are_given_once_each_and_the_newest_are_kept() -> None:
    found = recorded([line(1.0), line(2.0), line(1.0), line(3.0)], 2)
    assert found.requests == (row(1.0), row(3.0))
    assert found.lines == 4


@pytest.mark.parametrize(
    ("changed", "counted"),
    [
        ({"probe": True}, "probes"),
        ({"status": 500}, "failed"),
        ({"status": 400}, "failed"),
        ({"tensors": []}, "partial"),
        ({"inputs": {}}, "partial"),
        ({"inputs": {"x": 3}}, "partial"),
        ({"status": "fine"}, "unread"),
        ({"v": 2}, "unread"),
    ],
)
def test_what_cannot_be_asked_again_is_counted_by_its_reason(changed: dict[str, object], counted: str) -> None:
    found = recorded([line(**changed), line()], 10)
    assert (getattr(found, counted), found.lines, len(found.requests)) == (1, 2, 1)


@pytest.mark.parametrize("text", ["", "iris | ready", "iris | {", 'iris | {"event": "ready"}', "iris | [1]"])
def test_other_lines_are_passed_over(text: str) -> None:
    assert recorded([text], 10).lines == 0


def test_a_text_that_no_file_can_hold_is_escaped_and_any_other_is_not() -> None:
    escaped, plain = recorded([line("\ud800"), line("ü")], 10).requests
    assert "\\ud800" in escaped
    assert json.loads(escaped)["inputs"][0]["data"] == ["\ud800", 2]
    assert "ü" in plain
