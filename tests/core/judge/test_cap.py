"""What one look may add to the evidence against a candidate: ADR 6, and what docs/canary.md says of it."""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.core.judge.traffic import POLL, counts, fold
from towpath.core.judge import JudgePolicy, Poll
from towpath.core.judge.alarms import evidence_against

POLICY = JudgePolicy()
SHOCK = {"errors": counts((40, 100), (1, 950))}


def shocks(count: int, *, probes: bool = False) -> list[Poll]:
    """So many looks in a row at a candidate that is far worse."""
    return [Poll(elapsed=POLL * n, live=SHOCK, probe=SHOCK if probes else {}) for n in range(1, count + 1)]


def added(policy: JudgePolicy, looks: Sequence[Poll]) -> list[float]:
    """What each look adds to the logarithm of the evidence."""
    evidence = [evidence_against(fold(policy, looks[:count]))[0] for count in range(len(looks) + 1)]
    return [after - before for before, after in pairwise(evidence)]


def test_the_cap_is_four_unless_somebody_says_otherwise() -> None:
    assert POLICY.cap == 4


@pytest.mark.parametrize("probes", [False, True])
def test_a_single_poll_multiplies_the_evidence_by_the_cap_at_most_all_strata_together(*, probes: bool) -> None:
    patient = replace(POLICY, probes=probes, alpha=1e-12)

    steps = added(patient, shocks(10, probes=probes))

    assert max(steps) <= math.log(POLICY.cap) + 1e-9
    assert steps[-1] == pytest.approx(math.log(POLICY.cap), abs=0.001)


def test_one_such_poll_refuses_nothing() -> None:
    assert fold(POLICY, shocks(1)).refused is None


def test_where_three_metrics_are_judged_it_takes_five_polls_at_least() -> None:
    third = replace(POLICY, metrics=("errors", "latency", "predictions"))

    assert fold(third, shocks(4)).refused is None
    assert fold(third, shocks(5)).refused is not None
