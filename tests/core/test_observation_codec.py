"""Observations as the journal keeps them."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.test_observation import AFTER, ARMS, seen
from tests.core.written import as_json
from towpath.core.counters import ArmCounters
from towpath.core.errors import UsageError
from towpath.core.inputs import Feature
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.observation_codec import observation_from_json
from towpath.core.tallies import Counted, ModelSample, Tally

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
