"""What a model is asked, counted per feature at the cuts of its reference."""

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from tests.serving.kit import ready
from towpath.serving.drift import InputCounts, feature_rows
from towpath.serving.metrics import exposition
from towpath.serving.reference import WatchedInput

TWO = WatchedInput(tensor="x", features=("age", "height"), cuts=((20.0, 40.0), (1.5,)))
REFERENCE = {
    "version": 1,
    "outputs": {},
    "inputs": {"x": {"features": ["age", "height"], "cuts": [[20, 40], [1.5]]}},
}
ROWS = {"name": "x", "shape": [3, 2], "datatype": "FP64", "data": [20, 1.4, 41, 1.6, 30, 1.7]}


def counted(counts: InputCounts) -> dict[str, float]:
    lines = exposition(counts.families()).splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def buckets(counts: InputCounts, feature: str, *, probe: str = "false") -> list[float]:
    begin = f'towpath_inputs_bucket{{input="x",feature="{feature}",probe="{probe}",le='
    return [value for name, value in counted(counts).items() if name.startswith(begin)]


def test_every_row_counts_for_each_of_its_features_at_exactly_their_cuts() -> None:
    counts = InputCounts([TWO])
    counts.observe({"x": [[20, 1.4], [41, 1.6], [30, 1.7]]}, probe=False)
    counts.observe({"x": [[10, 1.5]]}, probe=True)
    assert (buckets(counts, "age"), buckets(counts, "height")) == ([1, 2, 3], [1, 3])
    assert (buckets(counts, "age", probe="true"), buckets(counts, "height", probe="true")) == ([1, 1, 1], [1, 1])
    assert counted(counts)['towpath_inputs_sum{input="x",feature="age",probe="false"}'] == 91


def test_the_training_rows_are_told_up_to_the_same_cuts() -> None:
    counts = InputCounts([replace(TWO, counts=((5, 0, 7), (9, 3)))])
    told = {name: value for name, value in counted(counts).items() if name.startswith("towpath_inputs_reference")}
    assert told == {
        'towpath_inputs_reference{input="x",feature="age",le="20.0"}': 5,
        'towpath_inputs_reference{input="x",feature="age",le="40.0"}': 5,
        'towpath_inputs_reference{input="x",feature="age",le="+Inf"}': 12,
        'towpath_inputs_reference{input="x",feature="height",le="1.5"}': 9,
        'towpath_inputs_reference{input="x",feature="height",le="+Inf"}': 12,
    }


def test_every_series_begins_at_nought() -> None:
    counts = InputCounts([TWO])
    assert len(counted(counts)) == 2 * ((2 + 3) + (1 + 3))
    assert set(counted(counts).values()) == {0}


def test_without_a_reference_nothing_is_exposed() -> None:
    counts = InputCounts()
    counts.observe({"x": [[1.0]]}, probe=False)
    assert exposition(counts.families()) == ""


FORMS = {
    "rows": ([[1, 2], [3, 4]], 2, [[1, 2], [3, 4]]),
    "one row without a dimension for rows": ([1, 2], 2, [[1, 2]]),
    "a value per row": ([1, 2, 3], 1, [[1], [2], [3]]),
    "rows of one feature": ([[1], [2]], 1, [[1], [2]]),
    "blocks of rows": ([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], 2, [[1, 2], [3, 4], [5, 6], [7, 8]]),
    "another width": ([[1, 2, 3]], 2, []),
    "a vector of another length": ([1, 2, 3], 2, []),
    "texts": ([["a", "b"]], 2, []),
    "truths": ([[True, False]], 2, []),
    "no rows": ([], 2, []),
    "empty rows": ([[], []], 2, []),
    "empty blocks": ([[[]], [[]]], 2, []),
    "no list": (None, 2, []),
}


@pytest.mark.parametrize(("tensor", "width", "rows"), FORMS.values(), ids=FORMS)
def test_only_numbers_whose_last_dimension_is_the_number_of_features_are_counted(
    tensor: object, width: int, rows: object
) -> None:
    assert feature_rows(tensor, width) == rows


def test_numbers_that_no_float_holds_are_counted_and_do_no_harm() -> None:
    counts = InputCounts([TWO])
    counts.observe({"x": [[10**400, float("inf")], [-(10**400), float("-inf")]]}, probe=False)
    assert (buckets(counts, "age"), buckets(counts, "height")) == ([1, 1, 2], [1, 2])


def test_nothing_is_lost_between_threads() -> None:
    counts = InputCounts([TWO])
    threads = [threading.Thread(target=lambda: counts.observe({"x": [[30, 1]] * 2000}, probe=False)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert buckets(counts, "age") == [0, 8000, 8000]


def test_the_metrics_have_what_was_asked_probes_apart_and_warm_up_left_out(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_text(json.dumps(REFERENCE))
    (tmp_path / "holdout.jsonl").write_text(json.dumps({"inputs": [ROWS]}))
    with ready("kit_models:Sums", tmp_path) as kit:
        kit.infer({"inputs": [ROWS]})
        kit.infer({"inputs": [ROWS]}, route="infer_stream")
        kit.infer({"inputs": [ROWS]}, headers={"x-towpath-arm": "canary"})
        age, height = (f'input="x",feature="{name}",probe=' for name in ("age", "height"))
        assert kit.metric(f'towpath_inputs_bucket{{{age}"false",le="40.0"}}') == 4
        assert kit.metric(f'towpath_inputs_bucket{{{height}"false",le="1.5"}}') == 2
        assert kit.metric(f'towpath_inputs_count{{{age}"false"}}') == 6
        assert kit.metric(f'towpath_inputs_count{{{age}"true"}}') == 3


def test_inputs_are_not_counted_where_that_is_switched_off(tmp_path: Path) -> None:
    (tmp_path / "reference.json").write_text(json.dumps(REFERENCE))
    with ready("kit_models:Sums", tmp_path, {"TOWPATH_COUNT_INPUTS": "0"}) as kit:
        assert kit.infer({"inputs": [ROWS]}).status == 200
        assert "towpath_inputs" not in kit.get("/metrics").body.decode()
