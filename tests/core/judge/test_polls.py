"""What a poll says of both arms, whatever was counted."""

from dataclasses import replace

import pytest

from tests.core.judge.traffic import POLL, counts, fold
from towpath.core.judge import ERRORS, JudgePolicy, JudgeState, Poll, Reference
from towpath.core.judge.channels import Tallied
from towpath.core.tallies import Counted

BOTH, ALONE, NOTHING = counts((0, 5), (1, 50)), counts((0, 0), (1, 50)), counts((0, 0), (0, 0))


@pytest.mark.parametrize(
    ("poll", "both", "requests"),
    [
        (Poll(elapsed=10.0), False, 0),
        (Poll(elapsed=10.0, live={ERRORS.name: ALONE}, probe={ERRORS.name: NOTHING}), False, 0),
        (Poll(elapsed=10.0, live={ERRORS.name: BOTH}), True, 5),
        (Poll(elapsed=10.0, live={ERRORS.name: BOTH}, probe={ERRORS.name: BOTH}), True, 10),
        (Poll(elapsed=10.0, live={ERRORS.name: ALONE, "refunds": BOTH}), True, 0),
    ],
)
def test_any_channel_shows_both_arms_and_only_that_of_errors_counts_requests(
    poll: Poll, requests: int, *, both: bool
) -> None:
    assert poll.has_both == both
    assert poll.canary_requests == requests


PREDICTED = replace(
    ERRORS,
    name="p",
    metric="predictions",
    event=Tallied(kind=Counted(output="y", label="A")),
    waits_for_warm_up=False,
    is_failure=False,
)
PREDICTING = JudgePolicy(metrics=("errors", "predictions"), channels=(ERRORS, PREDICTED))


def judged(rows: int, requests: tuple[int, int] = (100, 1000), *, policy: JudgePolicy = PREDICTING) -> JudgeState:
    """Twelve looks at requests of so many rows, of which the candidate's and stable's are of a kind alike often."""
    asked = counts((0, requests[0]), (0, requests[1]))
    predicted = counts((32 * rows, 100 * rows), (300 * rows, 1000 * rows))
    past = Reference(seconds=600.0, live={"errors": (0, 60_000), "p": (18_000, 60_000)})
    looks = [Poll(elapsed=POLL * n, live={"errors": asked, "p": predicted}) for n in range(1, 13)]
    return fold(policy, looks, past)


def test_rows_of_one_request_are_one_fact_for_the_candidate_and_against_it() -> None:
    single, hundred = judged(1).channels[1], judged(100).channels[1]
    assert hundred.in_favour == pytest.approx(single.in_favour, rel=1e-4)
    assert hundred.against.plain == pytest.approx(single.against.plain, rel=1e-3)


@pytest.mark.parametrize("requests", [(100, 1000), (110, 1100)])
def test_a_row_a_request_or_fewer_changes_no_evidence_at_all(requests: tuple[int, int]) -> None:
    blind = replace(PREDICTED, event=ERRORS.event)
    untold = judged(1, requests, policy=replace(PREDICTING, channels=(ERRORS, blind)))
    assert judged(1, requests).channels == untold.channels
