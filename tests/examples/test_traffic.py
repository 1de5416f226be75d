"""The load generator: on time, counted in full, and honest about what failed."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from examples.load import Answer, Load, summary
from examples.traffic import Traffic, main


class Endpoint(BaseHTTPRequestHandler):
    """Answers by what the request asks for; keeps connections open."""

    protocol_version = "HTTP/1.1"
    held = threading.Event()

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if asked.get("hang"):
            self.held.wait(5)
        if asked.get("drop"):
            self.close_connection = True
            return
        self.send_response(asked.get("status", 200))
        if "release" in asked:
            self.send_header("X-Towpath-Release", asked["release"])
        with suppress(ConnectionError):  # the caller may have given up
            self._body(asked, b'{"outputs": []}')

    def _body(self, asked: dict[str, object], body: bytes) -> None:
        if asked.get("chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            return
        if asked.get("until_end"):
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has in http.server
        """Say nothing."""


@contextmanager
def endpoint() -> Iterator[str]:
    Endpoint.held.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/infer?a=b"
        finally:
            Endpoint.held.set()
            server.shutdown()
            thread.join()


def sent(*asked: Mapping[str, object], rate: float = 200.0, timeout: float = 5.0) -> tuple[Answer, ...]:
    bodies = tuple(json.dumps(one).encode() for one in asked)
    with endpoint() as url:
        load = Load(url=url, bodies=bodies, rate=rate, seconds=len(bodies) / rate, timeout=timeout)
        with Traffic(load) as traffic:
            traffic.wait()
    return traffic.answers()


def test_every_request_is_counted_under_the_release_that_answered() -> None:
    found = summary(sent(*[{"release": "a"}] * 3, {"release": "b"}, {}))
    assert (found.answers, found.failed) == (5, 0)
    assert found.releases == {"a": 3, "b": 1, "": 1}
    assert 0 < found.p50 <= found.p99 <= found.worst


def test_whatever_is_not_a_success_is_a_failure() -> None:
    found = summary(sent({}, {"status": 503}, {"status": 404}, {"drop": True}))
    assert found.failed == 3
    assert found.statuses == {200: 1, 503: 1, 404: 1, 0: 1}
    assert list(found.errors.values()) == [1]


def test_answers_of_every_framing_leave_the_connection_usable() -> None:
    asked: list[Mapping[str, object]] = [{"chunked": True}, {"until_end": True}, {}, {"chunked": True, "release": "x"}]
    assert [answer.status for answer in sent(*asked)] == [200] * 4


def test_a_late_answer_is_a_failure_and_holds_nobody_up() -> None:
    answers = sent({"hang": True}, {}, {}, timeout=0.3)
    assert [answer.status for answer in answers] == [200, 200, 0]
    assert answers[-1].error == "no answer in 0.3 s"


def test_slow_answers_do_not_slow_the_sending() -> None:
    asked: list[Mapping[str, object]] = [{"hang": number < 5} for number in range(50)]
    answers = sent(*asked, timeout=0.5)
    assert len(answers) == 50
    assert sorted(answer.due for answer in answers) == pytest.approx([number / 200 for number in range(50)])


def test_more_waiting_requests_than_allowed_are_failures() -> None:
    with endpoint() as url:
        load = Load(url=url, bodies=(b'{"hang": true}',), rate=100, seconds=0.06, timeout=0.4, in_flight=2)
        with Traffic(load) as traffic:
            traffic.wait()
    found = summary(traffic.answers())
    assert found.errors == {"too many requests wait for answers": 4, "no answer in 0.4 s": 2}


def test_nobody_listening_is_a_failure_of_every_request() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with Traffic(Load(url=f"http://127.0.0.1:{port}/", bodies=(b"{}",), rate=100, seconds=0.05)) as traffic:
        traffic.wait()
    found = summary(traffic.answers())
    assert (found.answers, found.failed) == (5, 5)
    assert all("ConnectionRefused" in error for error in found.errors)


def test_it_ends_when_its_owner_does() -> None:
    with endpoint() as url, Traffic(Load(url=url, bodies=(b"{}",), rate=1, seconds=3600)) as traffic:
        pass
    assert len(traffic.answers()) <= 1


@pytest.mark.parametrize(
    "given",
    [
        {"url": "http://192.0.2.1/"},
        {"url": "http://example.com/"},
        {"url": "https://127.0.0.1/"},
        {"bodies": ()},
        {"rate": 0.0},
        {"seconds": 0.0},
    ],
    ids=lambda given: next(iter(given)),
)
def test_a_load_that_is_unbounded_or_goes_elsewhere_is_refused(given: dict[str, object]) -> None:
    whole: dict[str, object] = {"url": "http://127.0.0.1/", "bodies": (b"{}",), "rate": 1.0, "seconds": 1.0}
    with pytest.raises(ValueError, match="load"):
        Load(**whole | given)  # type: ignore[arg-type]  # the values are of the fields' types, the table hides it


def test_the_command_says_what_failed_by_its_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = tmp_path / "rows.jsonl"
    with endpoint() as url:
        rows.write_text('{"release": "a"}\n')
        assert main([url, str(rows), "--rate", "50", "--seconds", "0.1"]) == 0
        assert "5 requests, 0 failed (5 x 200); a 100.0 %" in capsys.readouterr().out
        rows.write_text('{"status": 500}\n')
        assert main([url, str(rows), "--rate", "50", "--seconds", "0.1"]) == 1
