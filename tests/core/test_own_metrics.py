"""Metrics of the user's own: what may be configured, what the judge makes of it, and how it is kept."""

import json
import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from tests.core.test_watch import SINCE, counted
from tests.core.written import as_json
from towpath.core.canary_codec import policy_from_json, policy_to_json
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.errors import UsageError
from towpath.core.explanation import explain
from towpath.core.judge import Counts, Verdict
from towpath.core.judge.bets import oriented
from towpath.core.judge.evalue import lifted, log_e
from towpath.core.margins import Margin
from towpath.core.observation import Observation, ReplicaSample
from towpath.core.observation_codec import observation_from_json
from towpath.core.own_counts import OwnSample
from towpath.core.own_metrics import Asked, Exposed, ExposedAbove, OwnMetric, Source, own_channel
from towpath.core.recording import Recording, frames, read, write
from towpath.core.selectors import parse_selector
from towpath.core.tallies import Arm, Tally
from towpath.core.watch import Look, situation, watched

EXPOSED = Exposed(events=parse_selector('answers_total{kind="fallback"}'), cases=parse_selector("answers_total"))
ABOVE = ExposedAbove(histogram=parse_selector('answer_seconds{route="infer"}'), bound=0.8)
ASKED = Asked(
    url="https://prometheus.example:9090",
    events='sum(answers_total{release="$release",kind="fallback"})',
    cases='sum(answers_total{release="$release"})',
    token_env="PROMETHEUS_TOKEN",
)
METRIC = OwnMetric(name="fallbacks", source=EXPOSED)
POLICY = CanaryPolicy(traffic=(50,), min_time=60.0, warm_up=0.0, max_time=1200.0, metrics=("errors",), own=(METRIC,))


class TestKept:
    @pytest.mark.parametrize("source", [EXPOSED, ABOVE, ASKED])
    def test_a_policy_is_read_back_as_it_was_pinned(self, source: Source) -> None:
        own = replace(METRIC, source=source, worse="fewer", promote=Margin(ratio=1.2, points=0.3), depends_on_load=True)
        own = replace(own, without_probes=True)
        policy = replace(POLICY, own=(own, replace(METRIC, name="clicks")))
        assert policy_from_json(json.loads(json.dumps(policy_to_json(policy)))) == policy

    def test_a_journal_from_before_there_were_own_metrics_is_read(self) -> None:
        old = {key: value for key, value in policy_to_json(replace(POLICY, own=())).items() if key != "own"}
        assert policy_from_json(old) == replace(POLICY, own=())
        line = as_json(Observation(at=1.0, samples=()))
        del line["own"]
        assert observation_from_json(line).own == ()

    @pytest.mark.parametrize("broken", [{"events": "1 2", "cases": "a"}, {"histogram": "a"}, {"promql": {"u": 1}}])
    def test_a_policy_that_cannot_be_read_says_what_to_do(self, broken: dict[str, object]) -> None:
        data = json.loads(json.dumps(policy_to_json(POLICY)))
        data["own"][0]["source"] = broken
        with pytest.raises(UsageError) as caught:
            policy_from_json(data)
        assert caught.value.hint == "use a newer Towpath"

    def test_an_observation_is_read_back(self) -> None:
        seen = Observation(at=1.0, samples=(), own=(own_sample("stable", 1, 10), own_sample("canary", 0, 0)))
        assert observation_from_json(as_json(seen)) == seen

    @pytest.mark.parametrize(
        ("row", "why"),
        [
            (["fallbacks", "stable", "a", -1, 10], "fallbacks: a: events: -1 is negative"),
            (["fallbacks", "stable", "a", 11, 10], "fallbacks: a: 11 of only 10"),
            (["fallbacks", "other", "a", 1, 10], "is not a metric, its arm"),
            ("nonsense", "is not a metric, its arm"),
        ],
    )
    def test_counts_that_nothing_can_have_counted_are_named(self, row: object, why: str) -> None:
        line = as_json(Observation(at=1.0, samples=()))
        line["own"] = [row]
        with pytest.raises(UsageError) as caught:
            observation_from_json(line)
        assert why in caught.value.message


def own_sample(arm: Arm, events: int, cases: int) -> OwnSample:
    return OwnSample(metric="fallbacks", arm=arm, source=arm, tally=Tally(events=events, cases=cases))


def looks(rates: tuple[float, float], polls: int = 60, *, per_poll: int = 500, seed: int = 1) -> list[Look]:
    """Both arms of a router, and what they count of the metric at these rates: stable, candidate."""
    rng = np.random.default_rng(seed)
    events, cases, found = [60 * per_poll * rates[0], 0.0], [60.0 * per_poll, 0.0], []
    for poll in range(polls):
        at = SINCE + 600 + 10.0 * poll
        arm = replace(counted(np.zeros(0)), requests=per_poll * (poll + 1))
        sample = ReplicaSample(replica="r", timestamp=at, stable=arm, canary=arm)
        arms: tuple[Arm, Arm] = ("stable", "canary")
        own = tuple(own_sample(name, int(e), int(c)) for name, e, c in zip(arms, events, cases, strict=True))
        found.append(
            Look(step=0, observation=Observation(at=at, samples=(sample,), own=own, stable_ready=1, canary_ready=1))
        )
        events = [e + rng.binomial(per_poll, rate) for e, rate in zip(events, rates, strict=True)]
        cases = [c + per_poll for c in cases]
    return found


def said(metric: OwnMetric, rates: tuple[float, float], **kinds: int) -> Verdict:
    state = watched(replace(POLICY, own=(metric,)), SINCE, looks(rates, **kinds))
    return situation(state, place=0, step_since=SINCE, now=state.last_at).verdict


FEWER = replace(METRIC, worse="fewer", rollback=Margin(ratio=1.1, points=0.0), promote=Margin(ratio=1.5, points=0.0))


class TestJudged:
    @pytest.mark.parametrize(
        ("metric", "rates", "kind"),
        [
            (METRIC, (0.01, 0.01), "promote"),
            (METRIC, (0.01, 0.041), "roll back"),
            (METRIC, (0.01, 0.001), "promote"),
            (FEWER, (0.3, 0.3), "promote"),
            (FEWER, (0.3, 0.2), "roll back"),
            (FEWER, (0.3, 0.5), "promote"),
            (FEWER, (0.005, 0.001), "roll back"),
            (FEWER, (0.005, 0.005), "promote"),
        ],
    )
    def test_more_or_fewer_is_worse_as_was_said(self, metric: OwnMetric, rates: tuple[float, float], kind: str) -> None:
        assert said(metric, rates, polls=100).kind == kind

    def test_the_words_tell_the_events_that_were_named_and_the_margin(self) -> None:
        worse = said(METRIC, (0.01, 0.041)).reason
        assert worse.startswith("fallbacks: candidate 4.")
        assert worse.endswith("; more than 1.1 times stable's rate plus 0.05%")
        fewer = said(FEWER, (0.3, 0.2))
        assert fewer.reason.startswith("fallbacks: candidate ")
        assert fewer.arms[0].canary.rate == pytest.approx(0.2, abs=0.05)
        assert fewer.reason.endswith("; fewer than stable's rate divided by 1.1")
        rare = replace(FEWER, promote=Margin(ratio=1.5, points=0.001))
        good = said(rare, (0.01, 0.01), polls=100)
        assert good.reason.startswith("fallbacks: more than stable's rate divided by 1.5 minus 0.10%; candidate ")

    def test_arms_that_are_never_scraped_at_the_same_look_are_still_compared(self) -> None:
        """As by a Prometheus that scrapes every 30 s and a look every 10: stable's, then the candidate's."""
        rare = looks((0.01, 0.041), polls=90)
        stale = {
            arm: [one.observation.own[place] for one in rare[place::3] for _ in range(3)]
            for place, arm in enumerate(("stable", "canary"))
        }
        stale["canary"] = [rare[0].observation.own[1], *stale["canary"]]
        seen = [
            replace(one, observation=replace(one.observation, own=own))
            for one, own in zip(rare, zip(stale["stable"], stale["canary"], strict=False), strict=False)
        ]
        state = watched(POLICY, SINCE, seen)
        verdict = situation(state, place=0, step_since=SINCE, now=state.last_at).verdict
        assert (verdict.kind, verdict.channel) == ("roll back", "fallbacks")

    def test_cases_of_an_own_metric_are_no_requests_of_users(self) -> None:
        many = looks((0.01, 0.01), polls=3)
        tokens = tuple(
            replace(one, tally=Tally(events=one.tally.events, cases=one.tally.cases * 1000))
            for one in many[-1].observation.own
        )
        many[-1] = replace(many[-1], observation=replace(many[-1].observation, own=tokens))
        state = watched(POLICY, SINCE, many)
        assert situation(state, place=0, step_since=SINCE, now=state.last_at).verdict.live_requests == 1000

    def test_probes_are_no_stratum_of_it(self) -> None:
        state = watched(replace(POLICY, probes=5.0), SINCE, looks((0.01, 0.041)))
        verdict = situation(state, place=0, step_since=SINCE, now=state.last_at).verdict
        assert verdict.kind == "roll back"
        assert [arms.stratum for arms in verdict.arms] == ["live"]

    def test_before_the_metric_is_counted_nothing_is_promoted(self) -> None:
        seen = [replace(one, observation=replace(one.observation, own=())) for one in looks((0.01, 0.01), polls=100)]
        state = watched(POLICY, SINCE, seen)
        verdict = situation(state, place=0, step_since=SINCE, now=state.last_at).verdict
        assert (verdict.kind, verdict.reason) == ("hold", "fallbacks: neither release counts it")

    def test_a_replayed_canary_says_the_same_and_is_explained(self) -> None:
        recording = Recording(policy=POLICY, served_since=SINCE, looks=tuple(looks((0.01, 0.041))))
        again = read(write(recording))
        assert again == recording
        last = frames(again)[-1]
        assert last.verdict == said(METRIC, (0.01, 0.041))
        assert "Counted as fallbacks: 127 of 3,000 (4.23%; the true share is from " in (
            words := " ".join(explain(frames(again)))
        )
        assert "apart" not in words, "there were no probes"


@pytest.mark.parametrize("margin", [Margin(ratio=1.1, points=0.0), Margin(ratio=1.5, points=0.02)])
@pytest.mark.parametrize("stable", [0.1, 0.5, 0.9])
def test_the_evidence_against_fewer_events_is_at_most_1_on_average_at_the_margin(margin: Margin, stable: float) -> None:
    """All outcomes of a small poll, weighted by their probability where the candidate is exactly at the margin."""
    channel = own_channel(replace(FEWER, rollback=margin))
    candidate = stable / margin.ratio - margin.points
    n_c, n_b = 4, 6
    for lift in channel.lifts:
        bad = channel.rollback.canary_rate(1 - 0.4)
        guess = lifted(bad, lift), 0.6
        mean = sum(
            math.comb(n_c, x_c)
            * candidate**x_c
            * (1 - candidate) ** (n_c - x_c)
            * math.comb(n_b, x_b)
            * stable**x_b
            * (1 - stable) ** (n_b - x_b)
            * math.exp(
                log_e(
                    oriented(
                        channel,
                        Counts(canary_events=x_c, canary_requests=n_c, stable_events=x_b, stable_requests=n_b),
                    ),
                    guess,
                    channel.rollback,
                )
            )
            for x_c, x_b in product(range(n_c + 1), range(n_b + 1))
        )
        assert mean <= 1 + 1e-6
