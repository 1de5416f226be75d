"""Two arms' counters beside one another: what counts, in which step, and what moved."""

import math

import pytest

from towpath.core.counters import ArmCounters
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.side_by_side import Quantile, quantile, side_by_side
from towpath.core.tallies import Counted, ModelSample, Tally
from towpath.core.watch import Look

ABOVE = [Counted(output="score", above=bound) for bound in (0.1, 0.5, 0.9)]
LABELS = [Counted(output="kind", label=label) for label in "abcd"]


def arm(requests: int, errors: int = 0, timeouts: int = 0, *, ms: float = 10) -> ArmCounters:
    """All answers took between `ms` and the next edge below."""
    answered = requests - timeouts
    edges = (10.0, 25.0, 50.0, math.inf)
    buckets = tuple((edge, answered if edge >= ms else 0) for edge in edges)
    return ArmCounters(requests=requests, errors=errors, timeouts=timeouts, buckets=buckets)


def look(
    at: float,
    stable: ArmCounters,
    canary: ArmCounters,
    *,
    step: int = 0,
    models: tuple[ModelSample, ...] = (),
    probes: tuple[ArmCounters, ArmCounters] | None = None,
) -> Look:
    none = ArmCounters()
    old, new = probes or (none, none)
    sample = ReplicaSample(replica="r", timestamp=at, stable=stable, canary=canary, probe_stable=old, probe_canary=new)
    return Look(step=step, observation=Observation(at=at, samples=(sample,), models=models))


def blind(at: float) -> Look:
    return Look(step=0, observation=Observation(at=at, samples=(), problems=("no answer",)))


def test_one_look_is_nothing_to_compare() -> None:
    assert side_by_side([]) is None
    assert side_by_side([look(0, arm(100), arm(0))]) is None
    assert side_by_side([look(0, arm(100), arm(0)), blind(5)]) is None


def test_what_was_counted_before_the_first_look_does_not_count() -> None:
    found = side_by_side([look(0, arm(9000, 500), arm(10, 1)), blind(5), look(10, arm(9100, 502), arm(60, 2))])

    assert found is not None
    assert (found.since, found.until) == (0, 10)
    assert (found.live.stable.events, found.live.stable.cases) == (2, 100)
    assert (found.live.canary.events, found.live.canary.cases) == (1, 50)


def test_probes_are_never_summed_with_users_requests() -> None:
    found = side_by_side(
        [
            look(0, arm(0), arm(0), probes=(arm(0), arm(0))),
            look(5, arm(100, 1), arm(100, 1), probes=(arm(20), arm(30, 3))),
        ]
    )

    assert found is not None
    assert (found.live.canary.cases, found.probe.canary.cases) == (100, 30)
    assert (found.live.canary.events, found.probe.canary.events) == (1, 3)


def test_counters_that_began_again_cost_one_look() -> None:
    looks = [look(0, arm(0), arm(0)), look(5, arm(100), arm(50)), look(10, arm(30), arm(10))]

    found = side_by_side([*looks, look(15, arm(130), arm(60))])

    assert found is not None
    assert (found.live.stable.cases, found.live.canary.cases) == (200, 100)
    assert found.lost == ("router replica r: the counters of stable started again",)


def test_errors_are_compared_within_the_steps_of_traffic() -> None:
    looks = [
        look(0, arm(0), arm(0)),
        look(10, arm(1000, 10), arm(100, 1), step=5),
        look(20, arm(1500, 60), arm(600, 51), step=7),
    ]

    found = side_by_side(looks)

    assert found is not None
    assert found.live.canary.value > 2 * found.live.stable.value - 0.001
    assert found.live.errors is not None
    assert found.live.errors.value == pytest.approx(0.0)
    assert not found.live.errors.sure


def test_a_ramp_that_began_again_is_not_taken_for_the_first() -> None:
    looks = [look(0, arm(0), arm(0), step=3), look(5, arm(10), arm(10), step=3), look(8, arm(20), arm(20), step=3)]
    looks += [look(9, arm(30), arm(30), step=5), look(15, arm(40), arm(40), step=3)]

    found = side_by_side(looks)

    assert found is not None
    assert found.ends == (8, 9, 15)


def test_without_requests_in_both_arms_there_is_no_difference() -> None:
    found = side_by_side([look(0, arm(0), arm(0)), look(5, arm(100), arm(0))])

    assert found is not None
    assert found.live.errors is None
    assert [one.canary for one in found.live.latency] == [None, None, None]


@pytest.mark.parametrize(
    ("counters", "share", "expected"),
    [
        (arm(100, ms=10), 0.5, Quantile(milliseconds=5, low=0, high=10)),
        (arm(100, ms=25), 0.5, Quantile(milliseconds=17.5, low=10, high=25)),
        (arm(100, ms=25), 0.9, Quantile(milliseconds=23.5, low=10, high=25)),
        (arm(100, ms=math.inf), 0.5, Quantile(milliseconds=50, low=50, high=math.inf)),
        (arm(100, timeouts=20, ms=10), 0.9, Quantile(milliseconds=50, low=50, high=math.inf)),
        (arm(0), 0.5, None),
        (ArmCounters(requests=7), 0.5, None),
    ],
)
def test_a_quantile_is_interpolated_within_its_bucket(
    counters: ArmCounters, share: float, expected: Quantile | None
) -> None:
    assert quantile(counters, share) == expected


def model(name: str, whose: str, counts: dict[Counted, tuple[int, int]]) -> ModelSample:
    tallies = {kind: Tally(events=events, cases=cases) for kind, (events, cases) in counts.items()}
    zeros = dict.fromkeys(counts, Tally())
    return ModelSample(replica=name, arm="canary" if whose == "canary" else "stable", live=tallies, probe=zeros)


def predicting(stable: dict[Counted, tuple[int, int]], canary: dict[Counted, tuple[int, int]]) -> list[Look]:
    zero = [model(whose, whose, dict.fromkeys(counts, (0, 0))) for whose, counts in (("s", stable), ("canary", canary))]
    now = (model("s", "s", stable), model("canary", "canary", canary))
    return [look(0, arm(0), arm(0), models=tuple(zero)), look(5, arm(9), arm(9), models=now)]


def test_of_a_score_the_cut_where_the_arms_are_farthest_apart_is_shown() -> None:
    stable = dict(zip(ABOVE, [(900, 1000), (500, 1000), (100, 1000)], strict=True))
    canary = dict(zip(ABOVE, [(450, 500), (350, 500), (60, 500)], strict=True))

    found = side_by_side(predicting(stable, canary))

    assert found is not None
    (moved,) = found.live.moved
    assert (moved.kind, found.live.kinds) == (ABOVE[1], 3)
    assert moved.difference.value == pytest.approx(0.2)
    assert moved.difference.sure
    assert found.probe.moved == ()


def test_of_classes_a_few_are_shown_and_only_what_both_arms_count() -> None:
    stable = dict(zip(LABELS, [(400, 1000), (300, 1000), (200, 1000), (100, 1000)], strict=True))
    canary = dict(zip(LABELS[:3], [(400, 1000), (200, 1000), (350, 1000)], strict=True))

    found = side_by_side(predicting(stable, canary))

    assert found is not None
    assert [one.kind.label for one in found.live.moved] == ["c", "b", "a"]
    assert found.live.kinds == 3


def test_the_more_kinds_were_looked_at_the_wider_their_intervals() -> None:
    one = side_by_side(predicting({ABOVE[0]: (500, 1000)}, {ABOVE[0]: (550, 1000)}))
    kinds = [Counted(output="score", above=float(bound)) for bound in range(40)]
    many = side_by_side(predicting(dict.fromkeys(kinds, (500, 1000)), dict.fromkeys(kinds, (550, 1000))))

    assert one is not None
    assert many is not None
    assert one.live.moved[0].difference.sure
    assert not many.live.moved[0].difference.sure
