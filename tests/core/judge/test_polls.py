"""What a poll says of both arms, whatever was counted."""

import pytest

from tests.core.judge.traffic import counts
from towpath.core.judge import ERRORS, Poll

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
