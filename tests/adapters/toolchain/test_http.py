import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from towpath.adapters.toolchain.http import Http
from towpath.core.errors import Missing

CONTENT = b"x" * 3_000_000


class _Pages(BaseHTTPRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionError):  # a client that gives up in the middle is one of the cases
            super().handle()

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        self._answer(CONTENT if self.path == "/big" else b"hello")

    def _answer(self, content: bytes) -> None:
        status = {"/gone": 404, "/denied": 401, "/broken": 502}.get(self.path, 200)
        self.send_response(status)
        self.send_header("Content-Length", "abc" if self.path == "/odd" else str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Nothing: the test's output is its own."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Pages) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(("page", "answers"), [("/", True), ("/denied", True), ("/gone", True), ("/broken", False)])
def test_a_server_that_answers_is_reachable_whatever_it_says_for_itself(
    site: str,
    page: str,
    answers: bool,  # noqa: FBT001 - a table
) -> None:
    assert Http({}).reachable(site + page) is answers


def test_nothing_is_reachable_where_nothing_listens(site: str) -> None:
    assert not Http({}).reachable("http://127.0.0.1:1/")
    assert not Http({"HTTP_PROXY": "http://127.0.0.1:1"}).reachable(site)


@pytest.mark.parametrize("spared", ["127.0.0.1", "example.org, 127.0.0.1", "*"])
def test_no_proxy_spares_a_host(site: str, spared: str) -> None:
    assert Http({"http_proxy": "http://127.0.0.1:1", "no_proxy": spared}).reachable(site)


def test_a_download_arrives_whole_with_its_digest_and_progress(site: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    digest = Http({}).download(f"{site}/big", tmp_path / "big", lambda done, total: seen.append((done, total)))
    assert (tmp_path / "big").read_bytes() == CONTENT
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert Http({}).text(f"{site}/") == "hello"


def test_a_page_that_is_gone_is_named_with_a_way_out(site: str, tmp_path: Path) -> None:
    asks: tuple[Callable[[], str], ...] = (
        lambda: Http({}).text(f"{site}/gone"),
        lambda: Http({}).download(f"{site}/gone", tmp_path / "x", lambda *_: None),
        lambda: Http({}).text("http://127.0.0.1:1/x"),
    )
    for ask in asks:
        with pytest.raises(Missing) as caught:
            ask()
        assert "http://127.0.0.1" in caught.value.message
        assert "--offline" in caught.value.hint


@pytest.mark.parametrize(("place", "why"), [("/dev/full", "No space left on device"), ("/", "Is a directory")])
def test_a_place_that_takes_no_download_is_named_with_a_way_out(site: str, place: str, why: str) -> None:
    with pytest.raises(Missing, match=rf"{site}/big can't be written to {place}: {why}") as caught:
        Http({}).download(f"{site}/big", Path(place), lambda *_: None)
    assert "run `deploy setup` again" in caught.value.hint


def test_a_download_of_unknown_length_counts_up_to_nothing(site: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    Http({}).download(f"{site}/odd", tmp_path / "odd", lambda done, total: seen.append((done, total)))
    assert seen[-1] == (5, 0)
