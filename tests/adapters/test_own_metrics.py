"""Metrics of the user's own that replicas expose."""

import pytest

from tests.adapters.own import metric, reader
from tests.adapters.test_model_metrics import ARMS, router
from tests.fakes.http_server import Answer, serving
from tests.support.ports import free_port
from towpath.adapters.model_metrics import ModelMetrics, Readings
from towpath.core.outputs import RouterOutput
from towpath.core.own_counts import OwnSample
from towpath.core.own_metrics import Exposed, ExposedAbove, OwnMetric, Source
from towpath.core.selectors import parse_selector
from towpath.core.tallies import Tally

# as prometheus_client and hand-written exporters send it
EXPOSITION = """# HELP answers_total Answers by what made them.
# TYPE answers_total counter
answers_total{kind="fallback",lang="en"} 3.0
answers_total{kind="fallback",lang="de"} 1.0
answers_total{kind="model",lang="en"} 1.6e+01
answers_created{kind="model",lang="en"} 1.7e+09
# TYPE old_style counter
old_style{kind="x"} 7
# TYPE declared_total counter
# TYPE answer_seconds histogram
answer_seconds_bucket{route="infer",le="0.5"} 5
answer_seconds_bucket{route="infer",le="0.8"} 8
answer_seconds_bucket{route="infer",le="+Inf"} 10
answer_seconds_bucket{route="chat",le="0.5"} 0
answer_seconds_bucket{route="chat",le="0.8"} 0
answer_seconds_bucket{route="chat",le="+Inf"} 4
answer_seconds_sum{route="infer"} 6.123
answer_seconds_count{route="infer"} 10
"""


def exposed(events: str, cases: str) -> Exposed:
    return Exposed(events=parse_selector(events), cases=parse_selector(cases))


def above(histogram: str, bound: float) -> ExposedAbove:
    return ExposedAbove(histogram=parse_selector(histogram), bound=bound)


def scraped(source: Source, text: str = EXPOSITION, status: int = 200) -> Readings:
    with router({"10.0.0.1:8080": (status, text)}) as one:
        return ModelMetrics([one], own=reader(metric(source))).read(ARMS[:1])


class TestExposition:
    @pytest.mark.parametrize(
        ("source", "tally"),
        [
            (exposed('answers_total{kind="fallback"}', "answers_total"), Tally(events=4, cases=20)),
            (
                exposed('answers_total{kind="fallback",lang="en"}', 'answers_total{lang="en"}'),
                Tally(events=3, cases=19),
            ),
            (exposed('answers_total{kind=~"fall.*"}', "answers_total"), Tally(events=4, cases=20)),
            (exposed('old_style{kind="x"}', "old_style"), Tally(events=7, cases=7)),
            (exposed('answers_total{kind="never"}', "answers_total"), Tally(events=0, cases=20)),
            (exposed("declared_total", "answers_total"), Tally(events=0, cases=20)),
            (above("answer_seconds", 0.8), Tally(events=6, cases=14)),
            (above('answer_seconds{route="infer"}', 0.5), Tally(events=5, cases=10)),
        ],
    )
    def test_events_and_cases_are_summed_over_the_label_sets_that_are_meant(self, source: Source, tally: Tally) -> None:
        found = scraped(source)
        assert found.own == (OwnSample(metric="fallbacks", arm="stable", source="s0", tally=tally),)
        assert found.problems == ()
        assert found.samples == (), "a model without the kit counts no predictions"

    @pytest.mark.parametrize(
        ("source", "why"),
        [
            (exposed("answer_total", "answers_total"), "no answer_total on /metrics"),
            (exposed("old_style", "declared_total"), "7 events of only 0 cases; events must be some of the cases"),
            (above("answer_secs", 0.8), "no histogram answer_secs on /metrics"),
            (above("answer_seconds", 0.7), "no bucket of answer_seconds ends at 0.7, there are 0.5, 0.8, inf"),
        ],
    )
    def test_what_a_replica_does_not_count_is_said_and_is_not_zero(self, source: Source, why: str) -> None:
        found = scraped(source)
        assert found.own == ()
        assert found.problems == (f"fallbacks: model replica s0: {why}",)

    @pytest.mark.parametrize("value", ["NaN", "-3", "+Inf", "3.5"])
    def test_a_value_that_no_counter_has_is_refused_by_name(self, value: str) -> None:
        text = EXPOSITION.replace('lang="de"} 1.0', f'lang="de"}} {value}')
        found = scraped(exposed('answers_total{kind="fallback"}', "answers_total"), text)
        assert found.own == ()
        assert found.problems[0].startswith("fallbacks: model replica s0: answers_total: ")

    @pytest.mark.parametrize(
        ("status", "text", "why"),
        [
            (404, "no such page", "/metrics answered 404"),
            (200, "<html>", "/metrics is not in Prometheus' format"),
            (200, "", "no answers_total on /metrics; no answers_total on /metrics"),
        ],
    )
    def test_a_replica_without_metrics_is_a_problem_of_the_metric(self, status: int, text: str, why: str) -> None:
        found = scraped(exposed("answers_total", "answers_total"), text, status)
        assert (found.own, found.problems) == ((), (f"fallbacks: model replica s0: {why}",))

    def test_a_replica_that_cannot_be_reached_is_said_once_for_it_and_once_for_the_metric(self) -> None:
        port = free_port()
        dead = RouterOutput(name="d", url="", stats=f"http://127.0.0.1:{port}")
        found = ModelMetrics([dead], own=reader(metric(exposed("a", "b")))).read(ARMS[:1])
        assert found.own == ()
        assert [text.split(": no answer")[0] for text in found.problems] == [
            "model replica s0",
            "fallbacks: model replica s0",
        ]

    def test_a_replica_is_scraped_once_however_much_is_read_of_it(self) -> None:
        asked: list[str] = []

        def answer(path: str) -> Answer:
            asked.append(path)
            return 200, EXPOSITION.encode()

        with serving(answer) as url:
            one = RouterOutput(name="r", url="", stats=url)
            two = [metric(exposed("a", "b")), OwnMetric(name="clicks", source=exposed("c", "d"))]
            ModelMetrics([one], own=reader(*two)).read(ARMS[:1])
        assert asked == ["/replica"]
