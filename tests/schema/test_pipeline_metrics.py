"""Metrics of the user's own in deploy.toml."""

import pytest

from tests.schema.pipelines import FILE, GOOD, refused
from towpath.core.canary_policy import Margin
from towpath.core.own_metrics import Asked, Exposed, ExposedAbove, OwnMetric
from towpath.core.selectors import parse_selector
from towpath.schema.pipeline import parse_pipeline

OWN = """
[[environments.prod.canary.metric]]
name = "fallback_answers"
events = 'answers_total{kind="fallback"}'
cases = "answers_total"
rollback = 0.02
promote = {ratio = 1.5, plus = 0.05}

[[environments.prod.canary.metric]]
name = "sure_answers"
histogram = "confidence"
above = 0.8
worse = "fewer"
depends_on_load = true

[[environments.prod.canary.metric]]
name = "refunds"
promql = {url = "https://prometheus:9090", events = 'sum(r{v="$release"})', cases = 'sum(a{v="$release"})'}
"""


def test_own_metrics_arrive_with_their_sources_and_margins() -> None:
    canary = parse_pipeline(GOOD + OWN, FILE).environment("prod").canary

    assert canary is not None
    assert canary.judged == ("errors", "latency", "predictions", "fallback_answers", "sure_answers", "refunds")
    assert canary.own == (
        OwnMetric(
            name="fallback_answers",
            source=Exposed(
                events=parse_selector('answers_total{kind="fallback"}'), cases=parse_selector("answers_total")
            ),
            rollback=Margin(ratio=1.0, points=0.02),
            promote=Margin(ratio=1.5, points=0.05),
        ),
        OwnMetric(
            name="sure_answers",
            source=ExposedAbove(histogram=parse_selector("confidence"), bound=0.8),
            worse="fewer",
            depends_on_load=True,
        ),
        OwnMetric(
            name="refunds",
            source=Asked(url="https://prometheus:9090", events='sum(r{v="$release"})', cases='sum(a{v="$release"})'),
        ),
    )


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('name = "refunds"', 'name = "re-funds"', "metric[2].name: found 're-funds', valid: at most 40 small letters"),
        ('name = "refunds"', 'name = "errors"', "prod.canary.metric: errors is a name of Towpath's own"),
        ('name = "refunds"', 'name = "sure_answers"', "prod.canary.metric: sure_answers is there twice"),
        ('cases = "answers_total"', "", "canary.metric[0]: found a table, valid: one source: events and cases, or"),
        ('histogram = "confidence"', 'events = "x"', "canary.metric[1]: found a table, valid: one source"),
        ("above = 0.8", "above = 0.8\ncases = 'x'", "canary.metric[1]: found a table, valid: one source"),
        ("above = 0.8", "above = '0.8'", "canary.metric[1].above: found '0.8', valid: a number"),
        ('cases = "answers_total"', 'cases = "sum(a)"', "metric[0].cases: found 'sum(a)', valid: a name, with labels"),
        ("rollback = 0.02", "rollback = 2", "canary.metric[0].rollback: found 2, valid: less than 1"),
        ("rollback = 0.02", "rollback = 0.2", "prod.canary.metric: fallback_answers: ratio at least 1, points from 0"),
        ("ratio = 1.5,", "ratio = 0.5,", "canary.metric[0].promote.ratio: found 0.5, valid: at least 1"),
        (
            "ratio = 1.5,",
            "ration = 1.5,",
            "metric[0].promote.ration: unknown key; did you mean ratio? valid: plus, ratio",
        ),
        ('worse = "fewer"', 'worse = "less"', "canary.metric[1].worse: found 'less', valid: 'more' or 'fewer'"),
        ("sum(a{v=", "sum(a{w=", ""),
        ("https://", "https://ada:bait@", "no user, password or query: a token is named by token_env"),
        ("https://prometheus", "prometheus", "metric[2].promql.url: found 'prometheus:9090', valid: http://"),
        ("https://prometheus:9090", "https://prometheus:port", "metric[2].promql.url: found 'https://prometheus:port'"),
        (
            "'sum(a{v=\"$release\"})'",
            "'sum(a)'",
            "metric[2].promql.cases: found 'sum(a)', valid: PromQL for one release",
        ),
        (
            "above = 0.8",
            "above = 0.8\nmodel = 'irs'",
            "canary.metric[1].model: found 'irs', did you mean iris? valid: iris",
        ),
        ("above = 0.8", "above = 0.8\nmodel = 'iris'", ""),
        ("promql = {", "promql = {token_env = 'a b', ", "token_env: found 'a b', valid: the name of a variable"),
    ],
)
def test_a_bad_key_of_an_own_metric_is_told_in_the_same_way(before: str, after: str, says: str) -> None:
    assert before in OWN
    text = GOOD + OWN.replace(before, after)

    if says:
        assert says in refused(text)
    else:
        parse_pipeline(text, FILE)


def test_beside_probes_metrics_that_count_them_are_refused_all_at_once() -> None:
    probes = "\n[environments.prod.canary.probes]\nrate = 5\n"

    message = refused(GOOD + OWN + probes)

    assert "3 problems" in message
    assert "prod.canary.metric: refunds: with probes on" in message
    silent = OWN.replace('name = "', 'without_probes = true\nname = "')
    canary = parse_pipeline(GOOD + silent + probes, FILE).environment("prod").canary
    assert canary is not None
    assert all(metric.without_probes for metric in canary.own)


def test_every_problem_of_own_metrics_is_told_at_once() -> None:
    text = GOOD + OWN.replace("above = 0.8", "above = true").replace("https://", "").replace("0.02", "1.5")

    message = refused(text)

    assert "3 problems" in message
    assert all(place in message for place in ("metric[0].rollback", "metric[1].above", "metric[2].promql.url"))
