"""Where scores are counted: at bounds that all releases share, and at those of their own reference."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from towpath.serving.grid import GRID
from towpath.serving.metrics import Histogram, HistogramRow, exposition
from towpath.serving.predictions import Predictions
from towpath.serving.reference import Reference, Watched
from towpath.serving.tensors import Tensor

_BEYOND: tuple[float, ...] = (math.nan, math.inf, -math.inf, 10**400, -(10**400))
_ANY = st.one_of(st.floats(-1e6, 1e6), st.sampled_from(_BEYOND))


def counts_at(*cuts: float) -> Predictions:
    return Predictions(Reference(outputs=(Watched(output="p", cuts=cuts, classes=(), column=None),)))


def observe(predictions: Predictions, *values: object, output: str = "p") -> None:
    tensor = Tensor(name=output, datatype="FP64", shape=(len(values),), data=list(values))
    predictions.observe([tensor], probe=False)


def samples(predictions: Predictions) -> dict[str, str]:
    text = exposition(predictions.seen.families())
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def bounds(predictions: Predictions) -> list[str]:
    begin = 'towpath_predictions_bucket{output="p",probe="false",le="'
    return [name.removeprefix(begin).removesuffix('"}') for name in samples(predictions) if name.startswith(begin)]


def bucket(predictions: Predictions, bound: str) -> int:
    return int(samples(predictions)[f'towpath_predictions_bucket{{output="p",probe="false",le="{bound}"}}'])


def test_the_grid_rises_and_is_printed_with_few_digits() -> None:
    assert list(GRID) == sorted(set(GRID))
    assert 100 <= len(GRID) <= 130
    assert max(len(repr(bound)) for bound in GRID) <= len("-1000000.0")


def test_the_grid_is_as_fine_near_one_as_near_nought() -> None:
    inner = [bound for bound in GRID if 0 < bound < 1]
    assert {bound for bound in inner if bound >= 0.9} == {round(1 - bound, 4) for bound in inner if bound <= 0.1}
    assert {0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.985, 0.99, 0.993, 0.995, 0.998, 0.999} <= set(inner)
    assert {place / 20 for place in range(1, 20)} <= set(inner)


def test_two_references_share_the_whole_grid_and_have_their_own_cuts_besides() -> None:
    one, other = bounds(counts_at(0.123, 0.5)), bounds(counts_at(0.456, 3e7))
    grid = [*map(repr, GRID), "+Inf"]
    assert [bound for bound in one if bound in other] == grid
    assert set(one) - set(grid) == {"0.123"}
    assert set(other) - set(grid) == {"0.456", "30000000.0"}


@pytest.mark.parametrize("cut", [-0.0, 0.3, 1, 1e6])
def test_a_cut_that_is_a_bound_of_the_grid_is_printed_once_and_as_the_grid_has_it(cut: float) -> None:
    assert bounds(counts_at(cut)) == [*map(repr, GRID), "+Inf"]


def test_a_score_on_a_bound_counts_up_to_it() -> None:
    predictions = counts_at(0.123)
    observe(predictions, 0.1, 0.123, 0.95, 0.0)
    assert [bucket(predictions, bound) for bound in ("0.0", "0.07", "0.1", "0.123", "0.93", "0.95", "+Inf")] == [
        *(1, 1, 2, 3, 3, 4, 4)
    ]


def test_no_number_is_counted_in_the_total_alone() -> None:
    predictions = counts_at(0.5)
    observe(predictions, math.nan, 0.2)
    assert (bucket(predictions, "1000000.0"), bucket(predictions, "+Inf")) == (1, 2)
    labels = '{output="p",probe="false"}'
    assert samples(predictions)[f"towpath_predictions_sum{labels}"] == "0.2"
    assert samples(predictions)[f"towpath_predictions_count{labels}"] == "2"


@pytest.mark.parametrize(
    ("value", "counts"),
    [(math.inf, [0, 0, 1]), (-math.inf, [1, 1, 1]), (10**400, [0, 0, 1]), (-(10**400), [1, 1, 1])],
    ids=["inf", "-inf", "huge", "-huge"],
)
def test_values_beyond_all_floats_lie_beyond_all_bounds_and_leave_the_sum_alone(
    value: float, counts: Sequence[int]
) -> None:
    histogram = Histogram("h", (), (1.0, 2.0))
    histogram.observe(value)
    assert [sample.value for sample in histogram.samples()] == [*counts, 0.0, 1]


@given(st.lists(st.tuples(_ANY, _ANY), max_size=12))
def test_histograms_that_count_together_count_as_each_alone(rows: list[tuple[float, float]]) -> None:
    edges = ((1.0, 2.0), (-0.5, 0.0, 0.5))
    together = HistogramRow("h", ((("of", "a"),), (("of", "b"),)), edges)
    alone = [Histogram("h", (("of", name),), own) for name, own in zip("ab", edges, strict=True)]
    for row in rows:
        together.observe(row)
        for histogram, value in zip(alone, row, strict=True):
            histogram.observe(value)
    assert together.samples() == [sample for histogram in alone for sample in histogram.samples()]


@pytest.mark.parametrize("row", [(0.5,), (0.5, 0.5, 0.5), (math.nan,), (math.nan, 0.5, 0.5)])
def test_a_row_of_another_length_is_not_counted_at_all(row: Sequence[float]) -> None:
    histograms = HistogramRow("h", ((), ()), ((1.0,), (1.0,)))
    with pytest.raises(ValueError, match="values for 2 histograms"):
        histograms.observe(row)
    assert not any(sample.value for sample in histograms.samples())


def test_an_output_without_a_reference_is_not_counted() -> None:
    predictions = counts_at(0.5)
    observe(predictions, 0.2, output="q")
    assert not [name for name in samples(predictions) if 'output="q"' in name]


def test_an_output_has_at_most_so_many_lines_however_many_scores_there_were() -> None:
    predictions = counts_at(*(place + 0.123 for place in range(64)))
    before = len(samples(predictions))
    observe(predictions, *(place / 7 for place in range(1000)))
    assert len(samples(predictions)) == before == 2 * (len(GRID) + 64 + len(["+Inf", "sum", "count"]))
