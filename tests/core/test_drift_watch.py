"""Users' requests over whole canaries, with chance in them: what is held without a reason, and what is found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from towpath.core.drift_watch import Drift, Requests, Shift, chance_of_one, in_new_step, looked
from towpath.core.drift_window import Growth
from towpath.core.inputs import ArmsAsked, Feature

LOOKS = 120
FEWEST = 4
CUTS = (-1.281552, -0.841621, -0.524401, -0.253347, 0.0, 0.253347, 0.524401, 0.841621, 1.281552)


@dataclass(kw_only=True)
class Traffic:
    """Normal features; `rate` requests a look, of which `share` go to the candidate.

    A request has `rows` like rows, and comes `runs` times in a row.
    """

    rng: np.random.Generator
    rate: int = 100
    share: float = 0.25
    rows: int = 1
    runs: int = 1  # of like requests
    trained: int = 400
    before: int = 5000
    features: int = 4
    means: tuple[float, float] = (0.0, 0.0)  # of the first feature in stable and in the candidate
    elsewhere: float = 0.0  # of the candidate's cuts and training
    margin: float = 0.2
    known: list[tuple[Feature, Feature]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for place in range(self.features):
            mine = self.feature(str(place), 0.0)
            self.known.append((mine, self.feature(str(place), self.elsewhere) if self.elsewhere else mine))

    def feature(self, name: str, offset: float) -> Feature:
        cuts = tuple(cut + offset for cut in CUTS)
        return Feature(input="x", name=name, cuts=cuts, trained=self.drawn(cuts, offset, self.trained, alike=1))

    def drawn(self, cuts: Sequence[float], mean: float, requests: int, alike: int) -> tuple[int, ...]:
        values = self.rng.normal(mean, size=requests).repeat(alike)
        return tuple(map(int, np.bincount(np.searchsorted(cuts, values), minlength=len(cuts) + 1)))

    def arm(self, which: int, requests: int) -> dict[Feature, tuple[int, ...]]:
        means = [self.means[which], *[0.0] * (self.features - 1)]
        own = [pair[which] for pair in self.known]
        alike = self.rows * self.runs
        return {one: self.drawn(one.cuts, mean, requests, alike) for one, mean in zip(own, means, strict=True)}

    def growth(self) -> Growth:
        canary = int(self.rng.binomial(self.rate, self.share))
        stable = self.rate - canary
        asked = ArmsAsked(stable=self.arm(0, stable), canary=self.arm(1, canary))
        return Growth(asked=asked, stable_requests=stable * self.runs, canary_requests=canary * self.runs)


def begun(traffic: Traffic) -> Requests:
    return Requests(before=traffic.arm(0, traffic.before))


def look(state: Requests, traffic: Traffic, growth: Growth | None = None) -> Requests:
    chance = chance_of_one(traffic.features, LOOKS)
    return looked(state, growth or traffic.growth(), margin=traffic.margin, chance=chance, looks=FEWEST)


def looked_for(state: Requests, traffic: Traffic, looks: int) -> Requests:
    for _ in range(looks):
        state = look(state, traffic)
    return state


def until_reason(state: Requests, traffic: Traffic) -> tuple[int, Requests]:
    """Looks until there is a reason not to compare predictions."""
    for number in range(1, LOOKS + 1):
        state = look(state, traffic)
        if state.drift.reason:
            return number, state
    return 0, state


KINDS: dict[str, dict[str, Any]] = {
    "ordinary": {},
    "thin": {"rate": 4, "share": 0.05},
    "heavy": {"rate": 2000, "share": 0.5},
    "hardly a margin": {"margin": 0.005},
    "few training rows": {"trained": 40},
    "nothing known before": {"before": 0},
    "rows in batches": {"rows": 50},
    "three like requests in a row": {"runs": 3, "rate": 33, "before": 1700},
    "twenty like requests in a row": {"runs": 20, "rate": 5, "before": 250},
    "the candidate retrained": {"elsewhere": 0.2},
}


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_change_no_canary_in_a_hundred_is_held_at_any_of_its_looks(kind: str) -> None:
    held = 0
    for seed in range(15):
        traffic = Traffic(rng=np.random.default_rng(seed), **KINDS[kind])
        held += until_reason(begun(traffic), traffic)[0] > 0
    assert held == 0


def test_one_feature_of_four_that_moves_by_a_standard_deviation_is_found_in_every_canary_and_named_alone() -> None:
    for seed in range(20):
        traffic = Traffic(rng=np.random.default_rng(seed))
        calm = looked_for(begun(traffic), traffic, 30)
        traffic.means = (1.0, 1.0)
        looks, state = until_reason(calm, traffic)
        assert 0 < looks <= 15
        assert [(shift.feature, shift.measure) for shift in state.drift.changed] == [("x[0]", "PSI")]


def test_the_more_customers_ask_in_a_row_the_longer_a_change_takes_to_be_believed() -> None:
    taken = []
    for runs in (1, 5):
        traffic = Traffic(rng=np.random.default_rng(1), runs=runs, rate=100 // runs)
        calm = looked_for(begun(traffic), traffic, 30)
        assert calm.clump == pytest.approx(runs, rel=0.35)
        traffic.means = (1.5, 1.5)
        taken.append(until_reason(calm, traffic)[0])
    assert 0 < taken[0] < taken[1]


def test_an_arm_that_is_asked_something_else_is_found_and_not_taken_for_a_change_of_traffic() -> None:
    for seed in range(20):
        traffic = Traffic(rng=np.random.default_rng(seed), share=0.5)
        calm = looked_for(begun(traffic), traffic, 10)
        traffic.means = (0.0, 1.0)
        looks, state = until_reason(calm, traffic)
        assert 0 < looks <= 25
        assert [shift.feature for shift in state.drift.apart] == ["x[0]"]
        assert state.drift.reason.startswith("the arms are asked different things: x[0] (PSI")


def test_arms_that_cut_at_other_places_are_compared_by_what_is_sure() -> None:
    traffic = Traffic(rng=np.random.default_rng(1), share=0.5, rate=400, elsewhere=0.2)
    calm = looked_for(begun(traffic), traffic, 10)
    traffic.means = (0.0, 1.5)
    _, state = until_reason(calm, traffic)
    assert [shift.measure for shift in state.drift.apart] == ["KS"]


def test_the_shares_of_the_arms_may_change_while_the_traffic_does() -> None:
    """Of one window over both, the candidate's part would be newer than stable's."""
    traffic = Traffic(rng=np.random.default_rng(2), rate=2000, share=0.05)
    state = looked_for(begun(traffic), traffic, 12)
    traffic.share, traffic.means = 0.5, (1.5, 1.5)
    state = looked_for(in_new_step(state), traffic, 12)
    assert state.drift.apart == ()
    assert state.drift.changed != ()


def test_a_change_that_ended_is_held_for_as_many_quiet_looks_as_a_step_needs() -> None:
    traffic = Traffic(rng=np.random.default_rng(3), rate=1000)
    state = begun(traffic)
    traffic.means = (1.0, 1.0)
    state = looked_for(state, traffic, 6)
    traffic.means = (0.0, 0.0)
    quiet = 0
    while state.unsettled(FEWEST):
        assert quiet <= 2 * FEWEST
        state, quiet = look(state, traffic), quiet + 1
    assert quiet > FEWEST
    assert state.quiet == FEWEST
    assert state.reason.startswith("traffic changed: x[0]")


def test_what_was_always_unlike_training_is_no_change() -> None:
    traffic = Traffic(rng=np.random.default_rng(5), means=(1.5, 1.5))
    looks, state = until_reason(begun(traffic), traffic)
    assert looks == 0
    assert [shift.feature for shift in state.drift.standing] == ["x[0]"]


def test_where_stable_is_new_the_first_requests_are_what_was_before() -> None:
    traffic = Traffic(rng=np.random.default_rng(6), before=0, means=(1.5, 1.5))
    looks, state = until_reason(begun(traffic), traffic)
    assert looks == 0
    assert sum(next(iter(state.before.values()))) >= 500


def test_a_look_without_requests_changes_nothing() -> None:
    traffic = Traffic(rng=np.random.default_rng(7))
    state = looked_for(begun(traffic), traffic, 5)
    assert look(state, traffic, Growth(stable_requests=10, canary_requests=3)) == state


def test_of_many_features_the_furthest_are_named() -> None:
    shifts = tuple(Shift(feature=f"f{place}", measure="PSI", value=place / 10) for place in range(7))
    drift = Drift(changed=shifts)
    assert drift.reason == (
        "traffic changed: f6 (PSI 0.60), f5 (PSI 0.50), f4 (PSI 0.40), f3 (PSI 0.30), f2 (PSI 0.20) and 2 more"
    )
