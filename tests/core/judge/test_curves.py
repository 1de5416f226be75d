"""Which edges are compared, and what a margin in milliseconds means there."""

import math
from operator import attrgetter

import pytest
from scipy.stats import lognorm

from towpath.core.judge.channels import Channel, SlowerThan, Tallied
from towpath.core.judge.curves import Curve, Slower, latency_channels, prediction_channels, score_cuts
from towpath.core.tallies import Counted, Tally

EDGES = tuple(5.0 * 1.1**n for n in range(60))
LATENCY = lognorm(s=0.45, scale=80.0)
TWENTIETH, FIFTH = Slower(ratio=1.05, plus=0.0), Slower(ratio=1.2, plus=0.0)


def curve(cases: int, scale: float = 1.0) -> Curve:
    return Curve(edges=EDGES, above=tuple(round(cases * LATENCY.sf(edge / scale)) for edge in EDGES), cases=cases)


def edge(channel: Channel) -> float:
    assert isinstance(channel.event, SlowerThan)
    return channel.event.edge


def edges(channels: tuple[Channel, ...]) -> list[float]:
    return [channel.event.edge for channel in channels if isinstance(channel.event, SlowerThan)]


def test_edges_are_nearest_to_the_shares_that_are_wanted() -> None:
    found = edges(latency_channels([curve(100_000)], TWENTIETH, FIFTH))
    assert len(found) == 4
    for edge, share in zip(found, (0.5, 0.1, 0.05, 0.01), strict=True):
        assert LATENCY.sf(edge) == pytest.approx(share, rel=0.3)


def test_most_is_staked_on_a_little_more_of_the_slowest_answers() -> None:
    *others, slowest = latency_channels([curve(100_000)], TWENTIETH, FIFTH)
    assert all(channel.stakes == others[0].stakes for channel in others)
    assert slowest.stakes == tuple(2 * stake for stake in others[0].stakes)
    a_little, much = slowest.stakes[1], slowest.stakes[-1]
    assert a_little > 4 * much
    assert max(slowest.stakes) == a_little


def test_where_stable_was_seldom_slow_no_edge_is_put() -> None:
    assert len(edges(latency_channels([curve(700)], TWENTIETH, FIFTH))) == 3
    assert edges(latency_channels([curve(45)], TWENTIETH, FIFTH)) == []
    assert latency_channels([Curve(edges=(), above=(), cases=0)], TWENTIETH, FIFTH) == ()


@pytest.mark.parametrize("ratio", [1.05, 1.2])
def test_a_candidate_as_slow_as_the_margin_is_on_the_edge_of_the_null(ratio: float) -> None:
    slower = curve(10_000_000, scale=ratio)
    for channel in latency_channels([curve(10_000_000)], Slower(ratio=ratio, plus=0.0), Slower(ratio=1.3, plus=0.0)):
        assert isinstance(channel.event, SlowerThan)
        stable, canary = (LATENCY.sf(channel.event.edge / scale) for scale in (1.0, ratio))
        assert channel.rollback.canary_rate(stable) == pytest.approx(canary, rel=0.03)
    assert slower.cases == 10_000_000


def test_a_millisecond_is_no_fault_where_answers_take_two() -> None:
    quick = Curve(edges=(1.0, 2.0, 3.0, 4.0, 5.0), above=(1000, 1000, 100, 60, 0), cases=1000)
    channels = latency_channels([quick], Slower(ratio=1.05, plus=1.0), Slower(ratio=1.2, plus=2.0))
    assert channels[0].rollback.r0 == pytest.approx(10.0, rel=0.05)


QUICK = Curve(edges=(1.0, *EDGES), above=(300, 10, *(0 for _ in EDGES[1:])), cases=1000)
WIDE, WIDER = Slower(ratio=1.5, plus=8.0), Slower(ratio=2.0, plus=25.0)


def test_a_margin_wider_than_all_that_stable_does_is_looked_at_where_it_ends() -> None:
    channels = latency_channels([QUICK], WIDE, WIDER)
    assert edges(channels)[0] == 1.0
    asked = [
        (margin, [one for one in channels if null(one).canary_rate(0.3 if edge(one) == 1.0 else 0.0) < 0.9])
        for margin, null in ((WIDE, attrgetter("rollback")), (WIDER, attrgetter("promote")))
    ]
    for margin, with_room in asked:
        assert with_room, "else any candidate would pass"
        assert all(edge(one) > margin.plus for one in with_room)


def test_where_stable_never_was_the_margin_is_a_difference_of_shares() -> None:
    beyond = latency_channels([QUICK], WIDE, WIDER)[1]
    assert 8.0 < edge(beyond) < 20.0
    assert beyond.rollback.r0 == 1.0
    assert beyond.rollback.d == pytest.approx(QUICK.share_above((edge(beyond) - 8) / 1.5))


def test_a_margin_that_nothing_can_be_beyond_has_no_channel() -> None:
    assert latency_channels([curve(1000)], TWENTIETH, Slower(ratio=1.2, plus=100_000.0)) == ()


def test_below_the_first_edge_everything_may_be_slow() -> None:
    assert Curve(edges=(1.0,), above=(400,), cases=1000).share_above(0.9) == 1.0


def test_with_two_kinds_of_traffic_the_wider_margin_holds_for_both() -> None:
    steep = Curve(edges=EDGES, above=tuple(round(10_000 * math.exp(-edge / 8)) for edge in EDGES), cases=10_000)
    alone = latency_channels([curve(10_000)], TWENTIETH, FIFTH)
    both = latency_channels([curve(10_000), steep], TWENTIETH, FIFTH)
    assert edges(alone) == edges(both)
    assert all(one.rollback.r0 <= two.rollback.r0 for one, two in zip(alone, both, strict=True))
    assert alone != both


QUICKER = [curve(20_000, 0.8), curve(3_000, 0.6), curve(3_000, 0.3)]
OWN, MARGINS = curve(200_000), (Slower(ratio=1.05, plus=1.0), Slower(ratio=1.2, plus=2.0))


def narrow(cases: int, scale: float) -> Curve:
    latency = lognorm(s=0.08, scale=scale)
    return Curve(edges=EDGES, above=tuple(round(cases * latency.sf(edge)) for edge in EDGES), cases=cases)


@pytest.mark.parametrize(
    ("users", "probes"),
    [(OWN, probes) for probes in QUICKER] + [(narrow(200_000, 42), narrow(20_000, scale)) for scale in (42, 34, 20)],
)
def test_however_quick_probes_are_much_slower_answers_to_users_are_beyond_both_margins(
    users: Curve, probes: Curve
) -> None:
    channels = latency_channels([users, probes], *MARGINS)
    assert channels
    for channel in channels:
        assert channel.promote.canary_rate(users.share_above(edge(channel))) < 1
    assert any(
        users.share_above(edge(channel) / 1.5) > null.canary_rate(users.share_above(edge(channel))) + 0.01
        for channel in channels
        for null in (channel.rollback, channel.promote)
    )


def test_the_curve_of_hardly_any_slow_answers_widens_no_margin_that_must_be_excluded() -> None:
    probes = curve(3_000, 0.3)
    alone, both = latency_channels([OWN], *MARGINS), latency_channels([OWN, probes], *MARGINS)
    thin = [place for place, one in enumerate(alone) if probes.share_above(edge(one)) * probes.cases < 50]
    assert thin
    assert edges(alone) == edges(both)
    assert all(alone[place].promote == both[place].promote for place in thin)


def test_a_candidate_within_the_margin_of_each_kind_of_traffic_is_no_worse_however_few_are_slow() -> None:
    probes = curve(20_000, 0.5)
    for channel in latency_channels([OWN, probes], *MARGINS):
        for one in (OWN, probes):
            slower = one.share_above((edge(channel) - 1.0) / 1.05)
            assert channel.rollback.canary_rate(one.share_above(edge(channel))) >= slower - 1e-12


def test_where_the_margin_allows_everything_above_an_edge_there_is_nothing_to_exclude() -> None:
    first = latency_channels([QUICK], WIDE, WIDER)[0]
    assert first.promote.canary_rate(0.0) >= 1


def test_scores_are_cut_where_stable_has_its_tenths_and_quarters() -> None:
    bounds = tuple(n / 20 for n in range(1, 20))
    flat = Curve(edges=bounds, above=tuple(round(1000 * (1 - bound)) for bound in bounds), cases=1000)
    assert score_cuts(flat) == (0.1, 0.25, 0.5, 0.75, 0.9)
    assert score_cuts(Curve(edges=bounds, above=(20,) * 19, cases=40)) == ()


def test_a_prediction_is_compared_upwards_and_downwards() -> None:
    kinds = [Counted(output="p", above=bound) for bound in (0.25, 0.5, 0.75)]
    past = {kind: Tally(events=round(1000 * (1 - (kind.above or 0))), cases=1000) for kind in kinds}
    channels = prediction_channels(past, kinds, (0.02, 0.05))
    assert [channel.name for channel in channels] == [
        "p above 0.25",
        "p up to 0.25",
        "p above 0.5",
        "p up to 0.5",
        "p above 0.75",
        "p up to 0.75",
    ]
    assert isinstance(channels[1].event, Tallied)
    assert channels[1].event.complement


def test_of_many_classes_the_most_frequent_are_compared() -> None:
    kinds = [Counted(output="class", label=f"c{n}") for n in range(20)]
    past = {kind: Tally(events=n, cases=190) for n, kind in enumerate(kinds)}
    found = prediction_channels(past, kinds, (0.02, 0.05))
    assert {channel.event.kind.label for channel in found if isinstance(channel.event, Tallied)} == {
        f"c{n}" for n in range(12, 20)
    }
    few = {kind: Tally(events=1, cases=20) for kind in kinds}
    assert prediction_channels(few, kinds, (0.02, 0.05)) == ()
