"""What the demo tells of prod, with an endpoint that only pretends."""

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from examples.demo.scratch import Scratch
from examples.demo.shell import DemoFailed, Done, Shell
from examples.demo.story import ROLLED_BACK, Story
from tests.examples.demo import screen


@dataclass
class Prod:
    """An endpoint that answers by turns, as a router with these shares does."""

    turns: list[tuple[str, int]] = field(default_factory=lambda: [("id-1", 200)])
    asked: int = 0

    def next(self) -> tuple[str, int]:
        self.asked += 1
        return self.turns[self.asked % len(self.turns)]


@contextmanager
def serving(prod: Prod) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            release, status = prod.next()
            self.send_response(status)
            self.send_header("x-towpath-release", release)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in http.server
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


class Pretended(Shell):
    """Takes note of the commands; a promotion to prod lets users ask, and then is what the test says."""

    def __init__(self, folder: Path, promotion: Callable[[], int]) -> None:
        super().__init__(screen=screen(), folder=folder, env={})
        self.promotion = promotion
        self.commands: list[str] = []

    def run(self, *words: str, expect: int = 0, shown: str = "") -> Done:
        self.commands.append(shown or " ".join(words))
        code = self.promotion() if words[:4] == ("deploy", "promote", "--to", "prod") else 0
        if code != expect:
            raise DemoFailed(f"ended with {code}")
        return Done(exit_code=code, output="", seconds=0.0)


@contextmanager
def in_prod(scratch: Scratch, during: Sequence[tuple[str, int]], after: str, code: int) -> Iterator[Story]:
    """A story about to promote; while it does, prod answers as `during` says, and then with release `after`."""
    prod, enough = Prod(), 20
    (scratch.model / "holdout.jsonl").write_text("{}\n{}\n")
    answered = threading.Event()

    def promotion() -> int:
        prod.turns, before = list(during), prod.asked
        while prod.asked < before + enough:
            answered.wait(0.01)
        prod.turns = [(after, 200)]
        return code

    with serving(prod) as port:
        told = Pretended(scratch.checkout, promotion)
        story = Story(screen=told.screen, shell=told, scratch=scratch, ports={"prod": port}, known={"id-1": "v1"})
        yield story


def test_a_better_version_is_promoted_and_nobodys_request_fails(scratch: Scratch) -> None:
    with in_prod(scratch, [("id-1", 200), ("id-2", 200)], "id-2", 0) as story:
        story.better_version()
    assert story.known == {"id-1": "v1", "id-2": "v2"}
    assert [row.outcome for row in story.rows] == ["serves", "promoted"]
    assert re.fullmatch(r"0 of \d+", story.rows[-1].failed)
    assert 'features = "all"' in (scratch.model / "params.toml").read_text()


@pytest.mark.parametrize("failing", ["id-1", "id-2", ""])
def test_a_failed_request_beside_a_better_version_fails_the_demo(scratch: Scratch, failing: str) -> None:
    with (
        in_prod(scratch, [("id-1", 200), ("id-2", 200), (failing, 503)], "id-2", 0) as story,
        pytest.raises(DemoFailed, match="requests failed with v2"),
    ):
        story.better_version()


def test_a_faulty_version_is_refused_and_only_its_own_answers_failed(scratch: Scratch) -> None:
    with in_prod(scratch, [("id-1", 200), ("id-3", 200), ("id-3", 500)], "id-1", ROLLED_BACK) as story:
        story.known["id-1"] = "v2"
        story.faulty_version()
    assert story.rows[-1].outcome == "refused, v2 serves again"
    assert "errors = 0.2" in (scratch.model / "faults.toml").read_text()


@pytest.mark.parametrize(
    ("during", "after", "code", "why"),
    [
        ([("id-1", 200), ("id-3", 500)], "id-3", ROLLED_BACK, "doesn't serve prod again"),
        ([("id-1", 200), ("id-3", 500)], "id-1", 0, "ended with 0"),
        ([("id-1", 200), ("id-1", 500), ("id-3", 500)], "id-1", ROLLED_BACK, "beside those that v3"),
        ([("id-1", 200)], "id-1", ROLLED_BACK, "answered nobody"),
    ],
    ids=["still served", "promoted", "stable fails too", "never asked"],
)
def test_a_faulty_version_with_another_end_fails_the_demo(
    scratch: Scratch, during: list[tuple[str, int]], after: str, code: int, why: str
) -> None:
    with in_prod(scratch, during, after, code) as story:
        story.known["id-1"] = "v2"
        with pytest.raises(DemoFailed, match=why):
            story.faulty_version()
