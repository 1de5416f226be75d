"""What may be said of a metric of the user's own."""

from dataclasses import replace

import pytest

from tests.core.test_own_metrics import ASKED, METRIC, POLICY
from towpath.core.canary_policy import check, judge_policy, policy_problems
from towpath.core.errors import UsageError
from towpath.core.margins import Margin
from towpath.core.own_codec import metric_from_json, metric_to_json
from towpath.core.own_metrics import filled, own_problems


class TestWhatMayBeConfigured:
    @pytest.mark.parametrize("name", ["", "Fallbacks", "fall-backs", "1st", "a" * 41, "a b"])
    def test_a_name_that_is_none_is_refused(self, name: str) -> None:
        assert [text.split(",")[0] for text in own_problems([replace(METRIC, name=name)])] == [
            f"metric: found name {name!r}"
        ]

    @pytest.mark.parametrize("name", ["errors", "latency", "predictions", "inputs"])
    def test_a_name_of_ours_is_taken(self, name: str) -> None:
        assert own_problems([replace(METRIC, name=name)]) == [
            f"metric: {name} is a name of Towpath's own, choose another"
        ]

    def test_names_are_there_once(self) -> None:
        assert own_problems([METRIC, METRIC]) == ["metric: fallbacks is there twice; each name once"]

    def test_two_models_may_each_have_one_of_a_name(self) -> None:
        both = [replace(METRIC, model="iris"), replace(METRIC, model="churn")]
        assert own_problems(both) == []
        assert own_problems([*both, METRIC]) == ["metric: fallbacks is there twice; each name once"]

    def test_there_are_not_too_many_because_each_takes_its_part_of_alpha(self) -> None:
        nine = [replace(METRIC, name=f"m{n}") for n in range(9)]
        assert own_problems(nine[:8]) == []
        assert own_problems(nine) == ["metric: 9 of them, valid: at most 8, each takes a part of alpha"]

    @pytest.mark.parametrize(
        ("rollback", "promote"),
        [
            (Margin(ratio=2, points=0.0), Margin(ratio=1.5, points=0.1)),
            (Margin(ratio=1, points=0.1), Margin(ratio=1, points=0.1)),
            (Margin(ratio=0.5, points=0.1), Margin(ratio=1, points=0.1)),
            (Margin(ratio=1, points=-0.1), Margin(ratio=1, points=0.1)),
            (Margin(ratio=1, points=0.1), Margin(ratio=1, points=1.0)),
        ],
    )
    def test_promotes_margin_is_the_wider_one(self, rollback: Margin, promote: Margin) -> None:
        (said,) = own_problems([replace(METRIC, rollback=rollback, promote=promote)])
        assert said.startswith("metric: fallbacks: ratio at least 1")

    def test_a_query_that_would_ask_the_same_of_both_releases_is_refused(self) -> None:
        same = replace(METRIC, source=replace(ASKED, cases='sum(answers_total{stack="$stack"})'))
        assert own_problems([same]) == [
            "metric: fallbacks: promql.cases: it would ask the same of both releases, use one of $release, $arm"
        ]

    def test_a_misspelt_placeholder_is_refused(self) -> None:
        wrong = replace(METRIC, source=replace(ASKED, events="a{r='$release', s='$stak'}"))
        assert own_problems([wrong]) == [
            "metric: fallbacks: promql.events: $stak stands for nothing, valid: $release, $arm, $endpoint, $stack"
        ]

    def test_every_problem_is_told_at_once(self) -> None:
        with pytest.raises(UsageError) as caught:
            check(replace(POLICY, min_polls=0, own=(replace(METRIC, name="X"), replace(METRIC, name="errors"))))
        assert "canary: 3 problems" in caught.value.message
        assert policy_problems(POLICY) == []

    def test_with_probes_every_metric_must_leave_them_out_and_is_told_how(self) -> None:
        """Both arms get as many probes whatever their shares of users are, so a sum of both compares other requests."""
        own = (METRIC, replace(METRIC, name="clicks"), replace(METRIC, name="refunds", without_probes=True))
        assert not policy_problems(replace(POLICY, own=own))
        found = policy_problems(replace(POLICY, own=own, probes=5.0))
        assert [problem.split(": ")[1] for problem in found] == ["fallbacks", "clicks"]
        assert "count no request with the header x-towpath-arm and say without_probes = true" in found[0]
        assert not policy_problems(replace(POLICY, own=own[2:], probes=5.0))

    def test_a_metric_that_a_journal_keeps_without_saying_so_is_read(self) -> None:
        kept = metric_to_json(METRIC)
        del kept["without_probes"]
        assert metric_from_json(kept) == METRIC


def test_placeholders_are_filled_and_what_promql_itself_uses_is_left() -> None:
    query = 'label_replace(a{r="$release",x=~"b$",y="$arm"}, "pod", "$1${name}", "p", "(.*)")'
    assert filled(query, {"release": "0badcafe", "arm": "stable"}) == (
        'label_replace(a{r="0badcafe",x=~"b$",y="stable"}, "pod", "$1${name}", "p", "(.*)")'
    )


def test_alpha_is_split_over_own_metrics_too() -> None:
    judge = judge_policy(replace(POLICY, metrics=("errors", "latency"), own=(METRIC, replace(METRIC, name="clicks"))))
    assert judge.metrics == ("errors", "latency", "fallbacks", "clicks")
    assert [channel.name for channel in judge.channels] == ["errors", "fallbacks", "clicks"]
