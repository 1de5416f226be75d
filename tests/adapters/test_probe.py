import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.fakes.clock import FakeClock
from towpath.adapters.probe import HttpProber, Pace, json_difference
from towpath.app.canary_ports import ProbeReport
from towpath.core.contract import Smoke

ROWS = ('{"row":0}', '{"row":1}', '{"row":2}')
SMOKE = Smoke(method="POST", path="/infer", body='{"row":0}', expect='{"outputs":[{"data":[1]}]}')


class Endpoint(ThreadingHTTPServer):
    """Remembers what arms were asked, and how many requests were under way at once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str]] = []
        self.status = 200
        self.answer = '{"model":"m","outputs":[{"data":[1]}]}'
        self.under_way = 0
        self.most = 0
        self.lock = threading.Lock()
        self.meanwhile: Callable[[], object] = lambda: threading.Event().wait(0.01)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        with self.server.lock:
            self.server.asked.append((self.headers["x-towpath-arm"], body))
            self.server.under_way += 1
            self.server.most = max(self.server.most, self.server.under_way)
        self.server.meanwhile()
        with self.server.lock:
            self.server.under_way -= 1
        answer = self.server.answer.encode()
        self.send_response(self.server.status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def prober(
    url: str, clock: FakeClock | None = None, pace: Pace | None = None, smoke: Smoke | None = SMOKE
) -> HttpProber:
    return HttpProber(url=url, path="/infer", rows=lambda: ROWS, smoke=smoke, clock=clock or FakeClock(), pace=pace)


def test_both_arms_get_the_same_rows(endpoint: Endpoint) -> None:
    hands = prober(endpoint.url)
    assert (hands.fire(2, 1.0).sent, hands.fire(2, 1.0).failed) == (4, 0)
    for arm in ("stable", "canary"):
        asked = sorted(json.loads(body)["row"] for got, body in endpoint.asked if got == arm)
        assert asked == [0, 0, 1, 2]  # the second time goes on where the first one ended


def test_they_are_spread_evenly_over_their_time(endpoint: Endpoint) -> None:
    clock = FakeClock()
    begun = clock.monotonic()
    prober(endpoint.url, clock).fire(5, 2.0)
    assert clock.monotonic() - begun == pytest.approx(1.8)


def test_no_more_requests_are_under_way_than_allowed(endpoint: Endpoint) -> None:
    prober(endpoint.url, pace=Pace(at_once=3)).fire(15, 0.01)
    assert len(endpoint.asked) == 30
    assert endpoint.most <= 3


def test_firing_ends_when_its_time_is_up(endpoint: Endpoint) -> None:
    clock = FakeClock()
    endpoint.meanwhile = lambda: clock.advance(1.0)
    report = prober(endpoint.url, clock, Pace(at_once=1)).fire(100, 5.0)
    assert report.sent == len(endpoint.asked)
    assert 6 <= report.sent <= 7


@pytest.fixture
def held(endpoint: Endpoint) -> Iterator[threading.Event]:
    """Until it is set, the endpoint answers nothing."""
    released = threading.Event()
    endpoint.meanwhile = released.wait
    yield released
    released.set()


def test_late_answers_make_no_look_late_and_count_among_those_under_way(
    endpoint: Endpoint, held: threading.Event
) -> None:
    hands = prober(endpoint.url, pace=Pace(at_once=3, late=0.01))
    assert hands.fire(1, 0.01) == ProbeReport(sent=2, failed=0)
    assert hands.fire(5, 0.01).sent == 1
    assert hands.fire(1, 0.01).sent == 0
    held.set()
    assert hands.fire(1, 10.0).sent == 2


def interrupt() -> None:
    raise KeyboardInterrupt


def test_who_is_interrupted_waits_for_no_answer(endpoint: Endpoint, held: threading.Event) -> None:
    clock = FakeClock()
    clock.at(0.5, interrupt)
    hands = prober(endpoint.url, clock, Pace(timeout=5.0))
    begun = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hands.fire(5, 1.0)
    assert time.monotonic() - begun < 4
    assert not held.is_set()


def test_failures_are_counted_and_never_raised(endpoint: Endpoint) -> None:
    endpoint.status = 500
    assert prober(endpoint.url).fire(2, 1.0).failed == 4
    assert prober("http://127.0.0.1:1").fire(1, 1.0).failed == 2


def test_without_rows_nothing_is_fired(endpoint: Endpoint) -> None:
    hands = HttpProber(url=endpoint.url, path="/infer", rows=tuple, smoke=None, clock=FakeClock())
    assert hands.fire(5, 1.0).sent == 0
    assert hands.smoke() == ""


def test_the_smoke_request_goes_to_the_candidate_and_passes_on_the_expected_answer(endpoint: Endpoint) -> None:
    assert prober(endpoint.url).smoke() == ""
    assert endpoint.asked == [("canary", '{"row":0}')]


@pytest.mark.parametrize(
    ("status", "answer", "why"),
    [
        (200, '{"outputs":[{"data":[0]}]}', "POST /infer: answer.outputs[0].data[0] is 0, expected 1"),
        (200, '{"error":"x"}', "POST /infer: answer.outputs is missing"),
        (200, "ok", "POST /infer answered no JSON: ok"),
        (503, "no such model", "POST /infer answered 503: no such model"),
    ],
)
def test_the_smoke_request_says_what_was_wrong(endpoint: Endpoint, status: int, answer: str, why: str) -> None:
    endpoint.status, endpoint.answer = status, answer
    assert prober(endpoint.url).smoke() == why


def test_the_smoke_request_says_that_nobody_answered() -> None:
    assert prober("http://127.0.0.1:1").smoke().startswith("POST /infer got no answer: ")


@pytest.mark.parametrize(
    ("expected", "actual", "difference"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, ""),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 2], "c": 0}}, ""),
        (0.3, 0.1 + 0.2, ""),
        ([1, 2], [1, 2, 3], "answer is [1, 2, 3], expected [1, 2]"),
        (1, True, "answer is true, expected 1"),
        ({"a": None}, {"a": 0}, "answer.a is 0, expected null"),
        ({"a": 1}, [1], 'answer is [1], expected {"a": 1}'),
        (0.5, 0.5001, "answer is 0.5001, expected 0.5"),
    ],
)
def test_an_answer_contains_what_is_expected(expected: object, actual: object, difference: str) -> None:
    assert json_difference(expected, actual) == difference
