from dataclasses import replace

import pytest

from towpath.core.canary import CanaryPolicy, steps
from towpath.core.canary_outlook import Outlook
from towpath.core.duration import durations
from towpath.core.promotion import Step, canary_steps, first_steps, immediate_steps

POLICY = CanaryPolicy()
PLAN = steps(POLICY, 4)
BLUE_GREEN = steps(replace(POLICY, strategy="blue-green"), 4)


def let_on(after: float) -> Outlook:
    return Outlook(seconds=after, requests=1000, enough=True)


def test_every_step_of_a_canary_takes_its_dwell_or_its_run_of_the_engine() -> None:
    taken = canary_steps(PLAN, 4)

    assert dict(zip((step.name for step in taken), durations(taken, PLAN, let_on(600.0)), strict=True)) == {
        "start 1": 6.0,
        "smoke": 0.0,
        "shift 5 %": 3.0,
        "observe 5 %": 200.0,
        "scale 2": 6.0,
        "shift 25 %": 3.0,
        "observe 25 %": 200.0,
        "scale 4": 6.0,
        "shift 50 %": 3.0,
        "observe 50 %": 200.0,
        "shift 95 %": 3.0,
        "observe 95 %": 200.0,
        "draw": 5.0,
        "write": 0.0,
        "prove": 2.0,
    }


@pytest.mark.parametrize(
    ("after", "looks"), [(300.0, [200.0, 200.0, 200.0, 200.0]), (1000.0, [200.0, 200.0, 600.0, 200.0])]
)
def test_the_last_share_that_needs_no_promote_lasts_until_the_judge_has_said_it(
    after: float, looks: list[float]
) -> None:
    taken = canary_steps(PLAN, 4)

    lasting = durations(taken, PLAN, let_on(after))

    assert [seconds for step, seconds in zip(taken, lasting, strict=True) if step.kind == "observe"] == looks


@pytest.mark.parametrize(("after", "seconds"), [(700.0, 700.0), (5.0, BLUE_GREEN[0].dwell)])
def test_the_only_share_of_a_blue_green_canary_lasts_for_its_dwell_and_for_the_judge_at_once(
    after: float, seconds: float
) -> None:
    taken = canary_steps(BLUE_GREEN, 4)

    assert durations(taken, BLUE_GREEN, let_on(after))[3] == seconds


@pytest.mark.parametrize("taken", [first_steps(2), immediate_steps(2, smoke=True)])
def test_without_a_canary_it_is_the_engine_alone(taken: tuple[Step, ...]) -> None:
    assert sum(durations(taken, (), None)) == 13.0
