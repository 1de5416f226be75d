"""Latency and load: what a replica with more requests, or with fewer, may say of the release."""

import pytest

from tests.core.judge.traffic import LATENCY, slow_polls
from towpath.core.judge import JudgePolicy

POLICY = JudgePolicy(metrics=("latency",), channels=(LATENCY,), warm_up=0.0)


@pytest.mark.parametrize(
    ("load_ratio", "refused"), [(0.5, True), (1.0, True), (1.25, True), (1.26, False), (None, False)]
)
def test_slowness_counts_against_a_candidate_up_to_a_quarter_more_load(
    load_ratio: float | None, *, refused: bool
) -> None:
    assert (slow_polls(POLICY, load_ratio).refused is not None) == refused


@pytest.mark.parametrize(
    ("load_ratio", "counts"), [(0.79, False), (0.8, True), (1.0, True), (1.26, True), (None, False)]
)
def test_quickness_counts_for_a_candidate_from_four_fifths_of_the_load(
    load_ratio: float | None, *, counts: bool
) -> None:
    state = slow_polls(POLICY, load_ratio, slow=10).channels[0]
    assert any(state.in_favour) == counts
    assert (state.best > 0) == counts
