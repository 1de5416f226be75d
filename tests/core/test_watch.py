"""A canary's looks, from raw counters to a verdict: what becomes of latency and predictions."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from towpath.core.canary_policy import CanaryPolicy, Margins
from towpath.core.comparison import no_latency
from towpath.core.counters import ArmCounters, Buckets
from towpath.core.judge import Channel, Verdict
from towpath.core.judge.curves import Slower
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.tallies import Counted, ModelSample, Tally
from towpath.core.traffic import known
from towpath.core.watch import Look, Watched, decode_look, encode_look, situation, watched

POLICY = CanaryPolicy(traffic=(50,), min_time=60.0, warm_up=0.0, max_time=1200.0)
EDGES = tuple(10.0 * 1.1**n for n in range(50))
BOUNDS = tuple(n / 20 for n in range(1, 20))
SINCE = 1_000.0
ALIKE = (2.4e6, 7.6e6)  # scores within a hair of 0.24


@dataclass(kw_only=True)
class World:
    """Two arms with the same load; latencies lognormal around `median` ms, scores Beta."""

    rng: np.random.Generator
    rps: float = 100.0
    canary_median: float = 80.0
    canary_scores: tuple[float, float] = (2.0, 8.0)
    stable_median: float = 80.0
    stable_scores: tuple[float, float] = (2.0, 8.0)
    counts_predictions: tuple[bool, bool] = (True, True)
    past: float = 600.0  # seconds of stable's traffic before

    def looks(self, polls: int) -> Iterator[Look]:
        latencies = {"stable": self.latencies(self.stable_median, self.past), "canary": np.zeros(0)}
        scores = {"stable": self.scores(self.stable_scores, self.past), "canary": np.zeros(0)}
        for poll in range(polls):
            yield Look(step=0, observation=self.observation(10.0 * poll, latencies, scores))
            latencies["stable"] = np.append(latencies["stable"], self.latencies(self.stable_median, 10.0))
            latencies["canary"] = np.append(latencies["canary"], self.latencies(self.canary_median, 10.0))
            scores["stable"] = np.append(scores["stable"], self.scores(self.stable_scores, 10.0))
            scores["canary"] = np.append(scores["canary"], self.scores(self.canary_scores, 10.0))

    def observation(
        self, elapsed: float, latencies: dict[str, np.ndarray], scores: dict[str, np.ndarray]
    ) -> Observation:
        at = SINCE + self.past + elapsed
        sample = ReplicaSample(
            replica="r", timestamp=at, stable=counted(latencies["stable"]), canary=counted(latencies["canary"])
        )
        arms = zip(("stable", "canary"), self.counts_predictions, strict=True)
        models = tuple(tallied(arm, scores[arm]) for arm, counts in arms if counts)
        return Observation(at=at, samples=(sample,), models=models, stable_ready=1, canary_ready=1)

    def latencies(self, median: float, seconds: float) -> np.ndarray:
        return self.rng.lognormal(math.log(median), 0.45, round(self.rps / 2 * seconds))

    def scores(self, shape: tuple[float, float], seconds: float) -> np.ndarray:
        return self.rng.beta(*shape, round(self.rps / 2 * seconds))


def counted(latencies: np.ndarray) -> ArmCounters:
    edges = (*EDGES, math.inf)
    return ArmCounters(requests=len(latencies), buckets=tuple((edge, int((latencies <= edge).sum())) for edge in edges))


def tallied(arm: str, scores: np.ndarray) -> ModelSample:
    live = {
        Counted(output="p", above=bound): Tally(events=int((scores > bound).sum()), cases=len(scores))
        for bound in BOUNDS
    }
    nothing = {kind: Tally() for kind in live}
    return ModelSample(replica=arm, arm="canary" if arm == "canary" else "stable", live=live, probe=nothing)


def folded(world: World, polls: int, policy: CanaryPolicy = POLICY) -> Watched:
    return watched(policy, SINCE, world.looks(polls))


def said(state: Watched) -> Verdict:
    return situation(state, place=0, step_since=SINCE, now=state.last_at).verdict


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20261121)


def test_a_candidate_like_stable_is_promoted_on_errors_latency_and_predictions(rng: np.random.Generator) -> None:
    state = folded(World(rng=rng), 40)
    assert state.judge is not None
    assert {channel.metric for channel in state.judge.policy.channels} == {"errors", "latency", "predictions"}
    assert said(state).kind == "promote"


def test_a_slower_candidate_is_refused_by_the_edge_that_shows_it(rng: np.random.Generator) -> None:
    verdict = said(folded(World(rng=rng, canary_median=80.0 * 1.5), 20))
    assert verdict.kind == "roll back"
    assert verdict.reason.startswith("latency above ")
    assert verdict.reason.endswith("more than 5% + 1 ms slower")


def test_a_candidate_that_never_fails_and_is_fast_but_predicts_otherwise_is_refused(rng: np.random.Generator) -> None:
    verdict = said(folded(World(rng=rng, canary_scores=(2.6, 8.0)), 40))
    assert verdict.kind == "roll back"
    assert verdict.reason.startswith("p above 0.")
    assert "more than 2.0% of all predictions moved" in verdict.reason


def test_what_both_arms_share_is_no_fault_of_the_candidate(rng: np.random.Generator) -> None:
    assert said(folded(World(rng=rng, stable_median=200.0, canary_median=200.0), 30)).kind == "promote"


def test_nothing_is_promoted_before_enough_is_known_of_stable(rng: np.random.Generator) -> None:
    thin = folded(World(rng=rng, rps=0.4, past=10.0), 10)
    assert said(thin).kind == "hold"
    assert "latency: stable has answered too few requests to know how fast it is" in said(thin).reason
    grown = folded(World(rng=rng, past=0.5), 60)
    assert said(grown).kind == "promote", "what is learnt in the canary is enough later"


def test_latency_that_no_request_could_tell_more_of_is_left_out(rng: np.random.Generator) -> None:
    below_all_edges = folded(World(rng=rng, stable_median=1.0, canary_median=1.0), 60)
    assert said(below_all_edges).kind == "promote"
    no_room = replace(POLICY, margins=replace(POLICY.margins, latency_promote=Slower(ratio=1000.0, plus=0.0)))
    assert said(folded(World(rng=rng), 60, no_room)).kind == "promote"


def test_scores_that_all_lie_between_two_bounds_are_left_out(rng: np.random.Generator) -> None:
    assert said(folded(World(rng=rng, canary_scores=ALIKE, stable_scores=ALIKE), 60)).kind == "promote"


@pytest.mark.parametrize(
    ("median", "margins", "why"),
    [
        (
            1.0,
            Margins(),
            "stable's answers nearly all take less than 10 ms, where the router's first bucket ends; it takes",
        ),
        (
            10_000.0,
            Margins(),
            "stable's answers nearly all take longer than 1067.19 ms, where the router's last bucket begins",
        ),
        (80.0, Margins(latency_promote=Slower(ratio=1000.0, plus=0.0)), "margins.latency leaves no room"),
    ],
)
def test_why_latency_cannot_be_compared_is_told_and_what_to_do(
    rng: np.random.Generator, median: float, margins: Margins, why: str
) -> None:
    (look,) = World(rng=rng, stable_median=median).looks(1)
    policy = replace(POLICY, margins=margins)
    (latency,) = (one for one in known(policy, 50.0, look.observation).judged if one.metric == "latency")
    assert latency.state == "off"
    assert latency.why.startswith(why)
    assert latency.why.endswith(", or leave latency out of metrics")


@pytest.mark.parametrize(
    ("buckets", "waits", "why"),
    [
        (((5.0, 0), (10.0, 9990), (math.inf, 10_000)), False, "stable's answers are nearly all in one bucket of the "),
        ((), True, "the router counts no latency of stable, or its replicas do in different buckets"),
    ],
)
def test_buckets_that_tell_nothing_are_told_from_too_few_requests(buckets: Buckets, waits: object, why: str) -> None:
    sample = ReplicaSample(replica="r", timestamp=SINCE, stable=ArmCounters(requests=10_000, buckets=buckets))
    missing = no_latency(Observation(at=SINCE, samples=(sample,)))
    assert missing.waits == waits
    assert missing.why.startswith(why)


def test_a_candidate_that_counts_no_predictions_where_stable_does_is_not_promoted(rng: np.random.Generator) -> None:
    verdict = said(folded(World(rng=rng, counts_predictions=(True, False)), 40))
    assert (verdict.kind, verdict.reason) == ("hold", "predictions: the candidate doesn't count what stable counts")


def test_where_neither_counts_predictions_errors_and_latency_decide(rng: np.random.Generator) -> None:
    assert said(folded(World(rng=rng, counts_predictions=(False, False)), 40)).kind == "promote"


def test_a_metric_that_is_switched_off_is_not_judged(rng: np.random.Generator) -> None:
    only_errors = replace(POLICY, metrics=("errors",))
    slow = World(rng=rng, canary_median=300.0, canary_scores=(8.0, 2.0))
    assert said(folded(slow, 40, only_errors)).kind == "promote"


def test_evidence_goes_on_from_step_to_step(rng: np.random.Generator) -> None:
    looks = list(World(rng=rng, canary_median=84.0).looks(20))
    stepped = [replace(look, step=place // 5) for place, look in enumerate(looks)]
    one, other = (watched(POLICY, SINCE, some) for some in (looks, stepped))
    assert other.judge == one.judge
    assert (one.step_polls, other.step_polls) == (19, 5)


@pytest.mark.parametrize("known", range(1, 8))
def test_what_is_compared_was_chosen_before_it_was_counted(known: int) -> None:
    """Edges and cuts at a look depend on the looks before it alone."""

    def chosen(last_median: float) -> tuple[Channel, ...]:
        world = World(rng=np.random.default_rng(3), past=1.0, rps=40.0)
        coming = world.looks(known + 1)
        looks = [next(coming) for _ in range(known)]
        world.stable_median = world.canary_median = last_median
        judge = watched(POLICY, SINCE, [*looks, next(coming)]).judge
        assert judge is not None
        return judge.policy.channels

    assert chosen(500.0) == chosen(80.0)
    assert (len(chosen(80.0)) > 1) == (known > 1), "from the second look on enough is known"


def test_the_journal_s_looks_give_the_same_verdict_to_the_bit(rng: np.random.Generator) -> None:
    looks = list(World(rng=rng, canary_median=90.0).looks(30))
    again = [decode_look(encode_look(look)) for look in looks]
    assert again == looks
    assert watched(POLICY, SINCE, again) == watched(POLICY, SINCE, looks)
