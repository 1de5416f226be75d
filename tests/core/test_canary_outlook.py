from dataclasses import replace

import pytest

from towpath.core.canary import CanaryPolicy, Margin, Margins, steps
from towpath.core.canary_outlook import outlook
from towpath.core.traffic import known

POLICY = CanaryPolicy()
PLAN = steps(POLICY, 2)
SHORT = replace(POLICY, poll=2.0, min_time=20.0, max_time=180.0, warm_up=5.0)


def test_with_much_traffic_a_good_candidate_waits_for_the_least_time_only() -> None:
    expected = outlook(POLICY, known(POLICY, 100.0, None), PLAN)
    assert (expected.enough, expected.seconds, expected.more) == (True, POLICY.min_time, None)
    assert expected.requests == 16_000  # 200 s each of 5, 25 and 50 % of 100 a second


def test_with_less_traffic_it_takes_longer() -> None:
    expected = outlook(POLICY, known(POLICY, 10.0, None), PLAN)
    assert expected.enough
    assert POLICY.min_time < expected.seconds < POLICY.max_time


def test_traffic_that_is_too_thin_says_how_much_is_missing() -> None:
    expected = outlook(SHORT, known(SHORT, 20.0, None), steps(SHORT, 2))
    assert (expected.enough, expected.seconds) == (False, SHORT.max_time)
    assert expected.more is not None
    assert expected.more > 0


@pytest.mark.parametrize(
    "helped",
    [
        replace(SHORT, max_time=1800.0),
        replace(SHORT, probes=50.0),
        replace(SHORT, margins=Margins(errors_promote=Margin(ratio=1.5, points=0.02))),
    ],
)
def test_what_the_hint_names_helps(helped: CanaryPolicy) -> None:
    assert outlook(helped, known(helped, 20.0, None), steps(helped, 2)).enough


def test_without_any_traffic_all_that_a_decision_takes_is_missing() -> None:
    expected = outlook(SHORT, known(SHORT, 0.0, None), steps(SHORT, 2))
    assert (expected.enough, expected.requests) == (False, 0)
    much = outlook(SHORT, known(SHORT, 1000.0, None), steps(SHORT, 2))
    assert expected.more is not None
    assert 500 < expected.more < much.requests


def test_a_blue_green_candidate_is_judged_at_its_only_share() -> None:
    policy = replace(POLICY, strategy="blue-green")
    expected = outlook(policy, known(policy, 100.0, None), steps(policy, 2))
    assert expected.enough
    assert expected.requests == round(100 * 0.95 * expected.seconds)
