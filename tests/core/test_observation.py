import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.written import as_json
from towpath.core.counters import ArmCounters
from towpath.core.errors import UsageError
from towpath.core.inputs import Feature
from towpath.core.judge import ERRORS, poll_of, reference_of
from towpath.core.judge.channels import SlowerThan
from towpath.core.observation import Observation, ReplicaSample, increments
from towpath.core.observation_codec import observation_from_json
from towpath.core.tallies import Arm, Counted, ModelSample, Tally

BUCKETS = ((10.0, 60), (100.0, 95), (math.inf, 97))
ARMS: tuple[Arm, ...] = ("stable", "canary")
BEFORE = ReplicaSample(
    replica="r1",
    timestamp=100.0,
    stable=ArmCounters(requests=1000, errors=10, timeouts=3, buckets=BUCKETS),
    canary=ArmCounters(requests=100, errors=1, buckets=((10.0, 50), (100.0, 90), (math.inf, 97))),
    probe_stable=ArmCounters(requests=20),
    probe_canary=ArmCounters(requests=20),
)
AFTER = replace(
    BEFORE,
    timestamp=110.0,
    stable=ArmCounters(requests=1500, errors=15, timeouts=4, buckets=((10.0, 80), (100.0, 130), (math.inf, 140))),
    canary=ArmCounters(requests=130, errors=3, buckets=((10.0, 55), (100.0, 115), (math.inf, 124))),
    probe_canary=ArmCounters(requests=50, errors=2),
)


SLOW = replace(ERRORS, name="slow", event=SlowerThan(edge=100.0))


def seen(*samples: ReplicaSample, at: float = 0.0) -> Observation:
    return Observation(at=at, samples=samples, stable_ready=2, canary_ready=1)


def test_counters_are_differenced_per_router_replica_and_arm() -> None:
    grown = increments(seen(BEFORE, at=100), seen(AFTER, at=110))
    assert grown.lost == ()
    assert grown.seconds == 10
    assert grown.live.stable == ArmCounters(
        requests=500, errors=5, timeouts=1, buckets=((10.0, 20), (100.0, 35), (math.inf, 43))
    )
    assert grown.live.canary == ArmCounters(requests=30, errors=2, buckets=((10.0, 5), (100.0, 25), (math.inf, 27)))


def test_live_and_probe_are_never_summed() -> None:
    poll = poll_of(increments(seen(BEFORE), seen(AFTER)), 10.0, (ERRORS,))
    assert (poll.live["errors"].canary_events, poll.live["errors"].canary_requests) == (2, 30)
    assert (poll.probe["errors"].canary_events, poll.probe["errors"].canary_requests) == (2, 30)
    assert poll.probe["errors"].stable_requests == 0


def test_router_replicas_are_summed_within_a_stratum() -> None:
    other = [replace(sample, replica="r2") for sample in (BEFORE, AFTER)]
    grown = increments(seen(BEFORE, other[0]), seen(AFTER, other[1]))
    assert grown.live.stable.requests == 1000
    assert grown.live.stable.buckets == ((10.0, 40), (100.0, 70), (math.inf, 86))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ((BEFORE,), (replace(AFTER, timestamp=100.0),), "repeated timestamp"),
        ((BEFORE,), (replace(AFTER, timestamp=90.0),), "its time went back"),
        ((), (AFTER,), "appeared"),
        ((BEFORE,), (), "vanished"),
        ((BEFORE,), (replace(AFTER, canary=ArmCounters(requests=99)),), "the counters of canary started again"),
        (
            (BEFORE,),
            (replace(AFTER, stable=ArmCounters(requests=1500, errors=9, timeouts=4)),),
            "the counters of stable started again",
        ),
        ((replace(BEFORE, no_cluster=3),), (AFTER,), "its counters started again"),
    ],
)
def test_a_router_replica_that_cannot_be_differenced_loses_the_whole_poll(
    before: tuple[ReplicaSample, ...], after: tuple[ReplicaSample, ...], why: str
) -> None:
    healthy = [replace(sample, replica="r9") for sample in (BEFORE, AFTER)]
    grown = increments(seen(*before, healthy[0]), seen(*after, healthy[1]))
    assert grown.lost == (f"router replica r1: {why}",)
    assert [one.replica for one in grown.replicas] == ["r9"]
    assert grown.live.stable.requests == 500


def test_an_arm_that_appears_loses_the_poll_of_its_stratum_only() -> None:
    grown = increments(seen(replace(BEFORE, canary=None)), seen(AFTER))
    assert grown.lost == ("router replica r1: canary appeared in live",)
    assert grown.live.stable.requests == 0
    assert grown.probe.canary.requests == 30


def test_what_stable_counted_before_the_canary_is_the_reference() -> None:
    reference = reference_of(seen(AFTER, replace(AFTER, replica="r2"), at=110), 50.0, (ERRORS, SLOW))
    assert reference is not None
    assert reference.seconds == 60
    assert reference.live == {"errors": (30, 3000), "slow": (28, 288)}
    assert reference.probe == {"errors": (0, 40), "slow": (0, 0)}
    assert reference_of(seen(AFTER, at=110), 0.0, (ERRORS,)) is None


def test_a_timeout_is_an_error_and_a_slow_answer() -> None:
    poll = poll_of(increments(seen(BEFORE), seen(AFTER)), 10.0, (SLOW,))
    slow = poll.live["slow"]
    assert (slow.stable_events, slow.stable_requests) == (43 - 35 + 1, 43 + 1)
    assert (slow.canary_events, slow.canary_requests) == (2, 27)


def test_an_arm_that_only_times_out_is_slow_and_one_in_no_bucket_is_not_known() -> None:
    unasked = replace(BEFORE, canary=ArmCounters())
    hanging = replace(AFTER, canary=ArmCounters(requests=40, errors=40, timeouts=40))
    slow = poll_of(increments(seen(unasked), seen(hanging)), 10.0, (SLOW,)).live["slow"]
    assert (slow.canary_events, slow.canary_requests) == (40, 40)
    unknown = replace(AFTER, canary=ArmCounters(requests=40, errors=1))
    assert "slow" not in poll_of(increments(seen(unasked), seen(unknown)), 10.0, (SLOW,)).live


def test_the_order_of_routers_within_a_look_says_nothing() -> None:
    pairs = [
        (replace(BEFORE, replica=name), replace(AFTER, replica=name, canary=ArmCounters(requests=130 + n, errors=3)))
        for n, name in enumerate(("r1", "r2", "r3"))
    ]
    one, other = (
        poll_of(
            increments(seen(*(before for before, _ in order)), seen(*(after for _, after in order))), 10.0, (ERRORS,)
        )
        for order in (pairs, pairs[::-1])
    )
    assert one == other


def test_an_arm_with_other_edges_is_compared_in_everything_else() -> None:
    other = replace(AFTER, canary=ArmCounters(requests=130, errors=3, buckets=((7.0, 5), (math.inf, 27))))
    assert poll_of(increments(seen(BEFORE), seen(other)), 10.0, (ERRORS, SLOW)).live.keys() == {"errors"}


def test_other_bucket_edges_lose_the_latencies_and_nothing_else() -> None:
    other = replace(AFTER, stable=ArmCounters(requests=1500, errors=15, timeouts=4, buckets=((50.0, 500),)))
    grown = increments(seen(BEFORE), seen(other))
    assert grown.live.stable == ArmCounters(requests=500, errors=5, timeouts=1)


def test_latencies_that_come_back_bring_nothing_of_the_past_with_them() -> None:
    gone = replace(BEFORE, stable=ArmCounters(requests=1000, errors=10, timeouts=3))
    grown = increments(seen(gone), seen(AFTER))
    assert grown.live.stable == ArmCounters(requests=500, errors=5, timeouts=1)
    fresh = increments(seen(replace(BEFORE, stable=ArmCounters())), seen(AFTER))
    assert fresh.live.stable.buckets == ((10.0, 80), (100.0, 130), (math.inf, 140)), "a first request begins them"


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        (replace(AFTER, no_cluster=4), "4 requests were routed to a cluster that the router doesn't know"),
        (replace(AFTER, updates_refused=1), "the router refused an update of its routes or clusters"),
    ],
)
def test_requests_that_count_in_no_arm_are_a_fault_of_the_router(after: ReplicaSample, fault: str) -> None:
    assert poll_of(increments(seen(BEFORE), seen(after)), 10.0, (ERRORS,)).router_fault.startswith(fault)


def test_a_poll_in_which_every_replica_is_lost_has_no_data() -> None:
    poll = poll_of(increments(seen(), seen(AFTER)), 10.0, (ERRORS,))
    assert not poll.live["errors"].both


arms = st.none() | st.builds(
    lambda ok, errors, late, edges: ArmCounters(
        requests=ok + errors, errors=errors, timeouts=min(late, ok), buckets=tuple((float(n), n) for n in sorted(edges))
    ),
    st.integers(0, 10**9),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sets(st.integers(1, 10_000), max_size=5),
)
samples = st.builds(
    ReplicaSample,
    replica=st.text(min_size=1, max_size=8),
    timestamp=st.floats(0, 2e9),
    stable=arms,
    canary=arms,
    probe_stable=arms,
    probe_canary=arms,
    no_cluster=st.integers(0, 5),
    updates_refused=st.integers(0, 5),
)


def tallied(cases: int, bounds: set[float], labels: set[str]) -> dict[Counted, Tally]:
    scores = {Counted(output="p", above=bound): Tally(events=cases // 2, cases=cases) for bound in sorted(bounds)}
    classes = {Counted(output="class", label=label): Tally(events=cases // 3, cases=cases) for label in sorted(labels)}
    return scores | classes


tallies = st.builds(
    tallied, st.integers(0, 10**9), st.sets(st.floats(-1e9, 1e9), max_size=4), st.sets(st.text(max_size=4), max_size=3)
)
features = st.builds(
    Feature,
    input=st.text(max_size=4),
    name=st.text(max_size=4),
    cuts=st.sets(st.floats(-1e9, 1e9), min_size=2, max_size=2).map(sorted).map(tuple),
    trained=st.one_of(st.just(()), st.tuples(*[st.integers(0, 10**9)] * 3)),
)
models = st.builds(
    ModelSample,
    replica=st.text(min_size=1, max_size=8),
    arm=st.sampled_from(ARMS),
    live=tallies,
    probe=tallies,
    asked=st.dictionaries(features, st.tuples(*[st.integers(0, 10**9)] * 3), max_size=3),
)
observations = st.builds(
    Observation,
    at=st.floats(0, 2e9),
    samples=st.lists(samples, max_size=3).map(tuple),
    stable_ready=st.integers(0, 9),
    canary_ready=st.integers(0, 9),
    models=st.lists(models, max_size=2).map(tuple),
    problems=st.lists(st.text(max_size=9), max_size=2).map(tuple),
)


@given(observations)
def test_what_is_written_is_read_back_to_the_bit(observation: Observation) -> None:
    assert observation_from_json(as_json(observation)) == observation


def test_a_model_that_counts_more_than_it_predicted_is_refused() -> None:
    sample = ModelSample(replica="m", arm="canary", live=tallied(9, {0.5}, {"a"}))
    raw = as_json(replace(seen(AFTER), models=(sample,)))
    raw["models"][0]["live"]["p"]["above"] = [[0.5, 10], [0.7]]
    raw["models"][0]["live"]["class"]["is"]["a"] = -1
    with pytest.raises(UsageError) as caught:
        observation_from_json(raw)
    for problem in ("p above 0.5: 10 of only 9", "[0.7] is not a bound and a count", "a: -1 is negative"):
        assert problem in caught.value.message


def test_an_observation_of_a_towpath_that_read_no_inputs_is_read() -> None:
    before = replace(seen(AFTER), models=(ModelSample(replica="m", arm="canary", live=tallied(9, {0.5}, set())),))
    raw = as_json(before)
    del raw["features"], raw["models"][0]["asked"]
    assert observation_from_json(raw) == before


def test_rows_that_are_of_no_feature_or_do_not_fit_its_bins_are_refused() -> None:
    asked = {Feature(input="x", name="age", cuts=(20.0,)): (1, 2)}
    raw = as_json(replace(seen(AFTER), models=(ModelSample(replica="m", arm="canary", asked=asked),)))
    raw["models"][0]["asked"] = [[1, 1, 2], [0, 1], [], [0, 1, -2]]
    with pytest.raises(UsageError) as caught:
        observation_from_json(raw)
    for problem in ("[1, 1, 2] is no feature's place", "[0, 1] is no", "[] is no", "m: asked: -2 is negative"):
        assert problem in caught.value.message


def test_the_open_bucket_survives_the_journal() -> None:
    assert observation_from_json(as_json(seen(AFTER))) == seen(AFTER)


def test_impossible_numbers_are_refused_and_all_of_them_named() -> None:
    raw = as_json(seen(AFTER))
    raw["samples"][0]["stable"]["requests"] = -3
    raw["samples"][0]["canary"]["errors"] = math.nan
    raw["samples"][0]["probe_canary"]["requests"] = 1
    with pytest.raises(UsageError) as caught:
        observation_from_json(raw)
    assert "observation: 3 problems" in caught.value.message
    assert "r1: stable: requests: -3 is negative" in caught.value.message
    assert "r1: canary: errors: nan is not finite" in caught.value.message
    assert "r1: probe_canary: errors: 2 of only 1 requests" in caught.value.message


@pytest.mark.parametrize(
    ("arm", "why"),
    [
        (
            ArmCounters(requests=90, buckets=((10.0, 60), (100.0, 80), (math.inf, 47))),
            "bucket le=inf: 47 is lower than 80 of le=100",
        ),
        (ArmCounters(requests=3, timeouts=4), "timeouts: 4 of only 3 requests"),
    ],
)
def test_counts_that_contradict_each_other_are_refused_by_name(arm: ArmCounters, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        observation_from_json(as_json(seen(replace(AFTER, canary=arm))))
    assert f"r1: canary: {why}" in caught.value.message


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"v":2}', "format 2, this program reads 1"),
        ("[]", "format None"),
        ('{"v":1,"at":"now","samples":{},"problems":[]}', "'now' is not a finite number"),
        ('{"v":1,"at":1,"samples":[7],"problems":[]}', "7 is not a table"),
    ],
)
def test_what_is_no_observation_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError) as caught:
        observation_from_json(json.loads(text))
    assert why in caught.value.message
