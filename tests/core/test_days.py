"""Bad days of a canary, each a file in `days/`: what happened, and what the judge says and the driver does then."""

import re

import pytest

from tests.core.days.world import Day, days, lived


@pytest.mark.parametrize("day", days(), ids=lambda day: day.name)
def test_on_a_bad_day_the_judge_says_what_the_file_expects(day: Day) -> None:
    said = lived(day)
    assert said.verdict.kind == day.expect["verdict"], said.verdict.reason
    assert re.search(day.expect["reason"], said.verdict.reason), said.verdict.reason
    assert type(said.decision).__name__ == day.expect["decision"], said.decision
    if "because" in day.expect:
        why = getattr(said.decision, "reason", getattr(said.decision, "why", ""))
        assert re.search(day.expect["because"], why), why
    assert getattr(said.decision, "blamed", False) == day.expect.get("blamed", False)
    assert said.counted == day.expect.get("counted", said.counted)
    assert said.verdict.judged_on == day.expect.get("judged_on", said.verdict.judged_on)
