from dataclasses import replace

import pytest

from towpath.core.own_counts import OwnGrown, OwnSample, grown, paired, problem, total, uncounted
from towpath.core.tallies import Arm, Tally


def sample(events: int, cases: int, *, source: str = "a", arm: Arm = "stable", metric: str = "fallbacks") -> OwnSample:
    return OwnSample(metric=metric, arm=arm, source=source, tally=Tally(events=events, cases=cases))


def test_counts_are_differenced_per_place_and_summed_per_arm() -> None:
    before = (sample(1, 10), sample(5, 50, source="b"), sample(0, 0, source="c", arm="canary"))
    after = (sample(3, 30), sample(6, 60, source="b"), sample(2, 4, source="c", arm="canary"))
    found = grown(before, after)
    assert found.stable == {"fallbacks": Tally(events=3, cases=30)}
    assert found.canary == {"fallbacks": Tally(events=2, cases=4)}
    assert found.lost == ()


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ((), (sample(1, 10),), "appeared"),
        ((sample(1, 10),), (), "vanished"),
        ((sample(2, 10),), (sample(1, 20),), "its counters started again"),
        ((sample(1, 20),), (sample(1, 10),), "its counters started again"),
        ((sample(1, 10),), (sample(1, 20, arm="canary"),), "is of another release now"),
    ],
)
def test_a_place_that_cannot_be_differenced_loses_this_poll_of_this_metric_only(
    before: tuple[OwnSample, ...], after: tuple[OwnSample, ...], why: str
) -> None:
    other = sample(1, 10, metric="clicks"), sample(2, 20, metric="clicks")
    found = grown((*before, other[0]), (*after, other[1]))
    assert found.lost == (f"fallbacks: a: {why}",)
    assert found.stable == {"clicks": Tally(events=1, cases=10)}


def test_an_event_that_was_counted_before_its_case_is_not_more_than_all() -> None:
    assert grown((sample(0, 10),), (sample(7, 15),)).stable == {"fallbacks": Tally(events=5, cases=5)}


def test_what_one_arm_counted_waits_for_the_other_s_cases_and_is_then_compared_whole() -> None:
    nothing, some, more = Tally(), Tally(events=1, cases=10), Tally(events=2, cases=30)
    now, waiting = paired(OwnGrown(), OwnGrown(stable={"a": some}, canary={"a": nothing}, lost=("x",)))
    assert (now.stable, now.canary, now.lost) == ({"a": nothing}, {"a": nothing}, ("x",))
    now, waiting = paired(waiting, OwnGrown(stable={"a": more}, canary={}))
    assert (now.stable, now.canary) == ({}, {})
    now, waiting = paired(waiting, OwnGrown(stable={"a": nothing}, canary={"a": more}))
    assert (now.stable, now.canary) == ({"a": Tally(events=3, cases=40)}, {"a": more})
    assert (waiting.stable, waiting.canary) == ({}, {})


def test_everything_an_arm_counted_is_its_past() -> None:
    both = (sample(1, 10), sample(2, 20, source="b"), sample(9, 9, source="c", arm="canary"))
    assert total(both, "stable") == {"fallbacks": Tally(events=3, cases=30)}


@pytest.mark.parametrize(
    ("samples", "why"),
    [
        ((sample(1, 10),), "fallbacks: the candidate doesn't count it"),
        ((sample(1, 10, arm="canary"),), "fallbacks: stable doesn't count it"),
        ((), "fallbacks: neither release counts it"),
    ],
)
def test_a_metric_that_an_arm_lacks_is_named_with_the_reason_that_is_known(
    samples: tuple[OwnSample, ...], why: str
) -> None:
    assert list(uncounted(["fallbacks"], samples, ())) == [why]
    problems = ("router-0: no answer", problem("fallbacks", "/metrics answered 404"))
    assert list(uncounted(["fallbacks"], samples, problems)) == [f"{why} (/metrics answered 404)"]


def test_a_metric_that_both_arms_count_is_not_missed() -> None:
    both = (sample(1, 10), replace(sample(1, 10), arm="canary", source="c"))
    assert list(uncounted(["fallbacks"], both, ())) == []
