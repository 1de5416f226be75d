from dataclasses import replace

import pytest

from towpath.core.inputs import Feature
from towpath.core.tallies import Counted, ModelSample, Tally, common, grown, total

HIGH = Counted(output="probability", above=0.5)
BENIGN = Counted(output="class", label="benign")
OLD = ModelSample(replica="a", arm="stable", live={HIGH: Tally(events=2, cases=10), BENIGN: Tally(events=7, cases=10)})
NEW = ModelSample(replica="a", arm="stable", live={HIGH: Tally(events=5, cases=30), BENIGN: Tally(events=9, cases=30)})
CANARY = replace(NEW, replica="c", arm="canary")


def test_counts_are_differenced_per_replica_and_summed_per_arm() -> None:
    second = [replace(sample, replica="b") for sample in (OLD, NEW)]
    found = grown((OLD, second[0], replace(OLD, replica="c", arm="canary")), (NEW, second[1], CANARY))
    assert found.lost == ()
    assert found.live.stable == {HIGH: Tally(events=6, cases=40), BENIGN: Tally(events=4, cases=40)}
    assert found.live.canary == {HIGH: Tally(events=3, cases=20), BENIGN: Tally(events=2, cases=20)}
    assert found.probe.stable == {}


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ((), (NEW,), "appeared"),
        ((OLD,), (), "vanished"),
        ((NEW,), (OLD,), "its counters started again"),
        ((OLD,), (replace(NEW, arm="canary"),), "is of another release now"),
    ],
)
def test_a_replica_that_cannot_be_differenced_does_not_count(
    before: tuple[ModelSample, ...], after: tuple[ModelSample, ...], why: str
) -> None:
    found = grown(before, after)
    assert found.lost == (f"model replica a: {why}",)
    assert (found.live.stable, found.live.canary) == ({}, {})


def test_what_users_asked_is_differenced_and_a_count_of_it_that_fell_loses_the_replica() -> None:
    age, height = Feature(input="x", name="age", cuts=(20.0,)), Feature(input="x", name="height", cuts=(1.6,))
    before = [replace(sample, asked={age: (1, 2)}) for sample in (OLD, replace(OLD, replica="b"))]
    after = [replace(sample, asked={age: (4, 2), height: (1, 1)}) for sample in (NEW, replace(NEW, replica="b"))]
    assert grown(before, after).asked.stable == {age: (6, 0)}
    fallen = [replace(after[0], asked={age: (4, 1)}), after[1]]
    assert grown(before, fallen).lost == ("model replica a: its counters started again",)
    assert grown(before, fallen).asked.stable == {age: (3, 0)}


def test_a_kind_that_vanishes_is_not_compared() -> None:
    found = grown((OLD,), (replace(NEW, live={HIGH: NEW.live[HIGH]}),))
    assert found.live.stable == {HIGH: Tally(events=3, cases=20)}


def test_only_kinds_that_every_replica_of_both_arms_counts_can_be_compared() -> None:
    both = [replace(sample, probe=sample.live) for sample in (NEW, CANARY)]
    assert common(both) == (HIGH, BENIGN)
    assert common(both[:1]) == ()
    narrow = replace(both[1], live={BENIGN: Tally()}, probe={BENIGN: Tally()})
    assert common([both[0], narrow]) == (BENIGN,)


def test_everything_an_arm_counted_is_its_past() -> None:
    assert total([NEW, CANARY, replace(NEW, replica="b")], "stable")[HIGH] == Tally(events=10, cases=60)


def test_each_kind_and_its_contrary_can_be_said() -> None:
    assert (HIGH.spoken, HIGH.contrary) == ("probability above 0.5", "probability up to 0.5")
    assert (BENIGN.spoken, BENIGN.contrary) == ("class is benign", "class isn't benign")
