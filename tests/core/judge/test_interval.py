import numpy as np
import pytest

from towpath.core.judge.interval import interval


def test_without_requests_every_rate_is_possible() -> None:
    assert interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("events", "requests"), [(0, 50), (3, 1000), (40, 800), (50, 50), (500_000, 1_000_000)])
def test_the_interval_holds_what_was_seen(events: int, requests: int) -> None:
    low, high = interval(events, requests)
    assert 0 <= low <= events / requests <= high <= 1
    assert low < high


def test_more_requests_make_it_narrower() -> None:
    few, many = interval(10, 1000), interval(1000, 100_000)
    assert many[1] - many[0] < (few[1] - few[0]) / 5


def test_looking_after_every_request_misses_the_truth_no_more_often_than_said() -> None:
    rng = np.random.default_rng(7)
    missed = 0
    for _ in range(100):
        events = 0
        for asked in range(1, 401):
            events += int(rng.random() < 0.05)
            if asked % 20 == 0 and not interval(events, asked)[0] <= 0.05 <= interval(events, asked)[1]:
                missed += 1
                break
    assert missed <= 8
