"""Metrics of the user's own that a Prometheus is asked for."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.adapters.own import metric, reader
from tests.fakes.http_server import Answer, serving
from tests.support.ports import free_port
from towpath.core.own_counts import OwnSample
from towpath.core.own_metrics import Asked
from towpath.core.tallies import Tally


def asking(url: str, token_env: str = "") -> Asked:
    return Asked(
        url=url,
        events='sum(a{r="$release",k="fallback"})',
        cases='sum(a{r="$release"})',
        token_env=token_env,
    )


@contextmanager
def listening(heard: list[str], status: int, headers: dict[str, str]) -> Iterator[str]:
    """Keeps the authorization of every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": "2"}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def vector(*lines: tuple[dict[str, str], object], **other: object) -> bytes:
    result = [{"metric": labels, "value": [1767225600.0, value]} for labels, value in lines]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}, **other}).encode()


@contextmanager
def prometheus(answer: Callable[[str], Answer]) -> Iterator[str]:
    """Answers a query's text at /api/v1/query."""

    def of_path(path: str) -> Answer:
        parts = urlsplit(path)
        if parts.path != "/api/v1/query":
            return 404, b"no such page"
        asked = parse_qs(parts.query)
        assert asked["time"] == ["1767225600.000"]
        return answer(asked["query"][0])

    with serving(of_path) as url:
        yield url


def ask(answer: Callable[[str], Answer]) -> tuple[tuple[OwnSample, ...], tuple[str, ...]]:
    with prometheus(answer) as url:
        return reader(metric(asking(url))).read((), 1767225600.0)


class TestPrometheus:
    def test_both_arms_are_asked_by_their_release_at_one_moment(self) -> None:
        counts = {
            'sum(a{r="aaaa",k="fallback"})': "10",
            'sum(a{r="aaaa"})': "1000",
            'sum(a{r="bbbb",k="fallback"})': "4",
            'sum(a{r="bbbb"})': "1e+02",
        }
        samples, problems = ask(lambda query: (200, vector(({}, counts[query]))))
        assert problems == ()
        assert samples == (
            OwnSample(
                metric="fallbacks", arm="stable", source="Prometheus, stable", tally=Tally(events=10, cases=1000)
            ),
            OwnSample(metric="fallbacks", arm="canary", source="Prometheus, canary", tally=Tally(events=4, cases=100)),
        )

    def test_a_line_per_replica_stays_one_so_that_one_that_restarts_loses_only_itself(self) -> None:
        cases = vector(({"pod": "a"}, "100"), ({"pod": "b"}, "50"))
        events = vector(({"__name__": "a", "pod": "b"}, "7"))
        samples, problems = ask(lambda query: (200, events if "fallback" in query else cases))
        assert problems == ()
        assert [(one.source, one.tally) for one in samples if one.arm == "stable"] == [
            ("Prometheus, stable pod=a", Tally(events=0, cases=100)),
            ("Prometheus, stable pod=b", Tally(events=7, cases=50)),
        ]

    def test_lines_that_do_not_go_together_are_summed(self) -> None:
        cases = vector(({"pod": "a"}, "100"), ({"pod": "b"}, "50"))
        events = vector(({"pod": "a", "kind": "x"}, "7"), ({"pod": "a", "kind": "y"}, "2"))
        samples, _ = ask(lambda query: (200, events if "fallback" in query else cases))
        assert [one.tally for one in samples if one.arm == "stable"] == [Tally(events=9, cases=150)]

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            ((200, vector()), "the answer is empty"),
            ((200, vector(({}, "NaN"))), "nan is not finite, and no counter can be that"),
            ((200, vector(({"pod": "a"}, "-1"))), "pod=a: -1.0 is negative, and no counter can be that"),
            ((200, vector(({}, "1.5"))), "1.5 is not a whole number, and no counter can be that"),
            ((200, vector(({}, "many"))), "'many' is no number"),
            ((200, vector(({}, 5))), "the answer has a line that is no sample"),
            ((200, vector(({"a": "1"}, "5"), ({"a": "1"}, "6"))), "the answer has the same labels twice"),
            ((200, vector(({}, "5"), warnings=["one store is down"])), "may be incomplete: ['one store is down']"),
            ((200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"5"]}}'), "the answer is a scalar"),
            ((200, b'{"status":"success","data":{"resultType":"matrix","result":[]}}'), "the answer is a matrix"),
            ((200, b'{"status":"success","data":null}'), "the answer is a None, not an instant vector"),
            ((200, b'{"status":"success"}'), "the answer is a None, not an instant vector"),
            ((200, b'{"status":"error","error":"out of memory"}'), "answered 200: out of memory"),
            ((400, b'{"status":"error","errorType":"bad_data","error":"parse error"}'), "answered 400: parse error"),
            ((503, b"<html>down</html>"), "answered 503 without JSON"),
            ((302, b"{}"), "answered 302: None"),
            ((200, b"[1]"), "answered 200 without JSON"),
            ((200, b"\xff\xfe"), "answered 200 without JSON"),
        ],
    )
    def test_an_answer_that_is_no_counter_is_a_problem_of_this_look_and_no_exception(
        self, answer: Answer, why: str
    ) -> None:
        samples, problems = ask(lambda _: answer)
        assert samples == ()
        assert [text.partition(":")[0] for text in problems] == ["fallbacks", "fallbacks"]
        assert why in problems[0]
        assert problems[0].endswith("(of stable)")
        assert problems[1].endswith("(of canary)")

    def test_one_arm_that_has_no_answer_does_not_take_the_other_s(self) -> None:
        samples, (said,) = ask(lambda query: (200, vector(({}, "5")) if "aaaa" in query else vector()))
        assert [one.arm for one in samples] == ["stable"]
        assert said == "fallbacks: the answer is empty (of canary)"

    def test_more_events_than_cases_are_refused(self) -> None:
        samples, problems = ask(lambda query: (200, vector(({}, "9" if "fallback" in query else "5"))))
        assert samples == ()
        assert problems[0] == "fallbacks: 9 events of only 5 cases; events must be some of the cases (of stable)"

    def test_a_server_that_is_not_there_is_a_problem(self) -> None:
        dead = free_port()
        own = reader(metric(asking(f"http://127.0.0.1:{dead}")))
        samples, problems = own.read((), 1767225600.0)
        assert samples == ()
        assert f"no answer from http://127.0.0.1:{dead}" in problems[0]

    @pytest.mark.parametrize(
        ("variables", "why"),
        [
            ({}, "the variable TOKEN, which holds the token, isn't set"),
            ({"TOKEN": " "}, "the variable TOKEN, which holds the token, isn't set"),
            ({"TOKEN": "bad\nbait"}, "the variable TOKEN holds characters that no token has"),
        ],
    )
    def test_a_token_that_cannot_be_sent_is_a_problem_and_is_never_told(
        self, variables: dict[str, str], why: str
    ) -> None:
        own = reader(metric(asking("http://127.0.0.1:1", token_env="TOKEN")), variables=variables)
        _, problems = own.read((), 1767225600.0)
        assert problems[0] == f"fallbacks: {why} (of stable)"
        assert "bait" not in "".join(problems)

    def test_a_token_is_sent_to_the_server_that_was_named_and_to_no_other(self) -> None:
        first: list[str] = []
        second: list[str] = []
        with (
            listening(second, 200, {}) as other,
            listening(first, 302, {"Location": f"{other}/api/v1/query"}) as named,
        ):
            own = reader(metric(asking(named, token_env="TOKEN")), variables={"TOKEN": "bait "})
            samples, problems = own.read((), 1767225600.0)
        assert set(first) == {"Bearer bait"}
        assert second == []
        assert samples == ()
        assert "answered 302" in problems[0]
        assert "bait" not in "".join(problems)
