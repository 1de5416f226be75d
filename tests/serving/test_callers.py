"""Requests of which the test decides when they are read and when their caller leaves."""

import asyncio
import functools
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.serving.callers import Caller, app, until
from tests.serving.kit import request_of
from towpath.serving.aside import Aside

_Result = TypeVar("_Result")


class Noting(Aside):
    """Writes down what it is given, and that it did it elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.done: list[str] = []

    async def run(self, work: Callable[[], _Result]) -> _Result:
        here = threading.get_ident()
        where: list[int] = []

        def noted() -> _Result:
            where.append(threading.get_ident())
            return work()

        result = await super().run(noted)
        assert isinstance(work, functools.partial)
        assert where != [here]
        self.done.append(work.func.__name__)
        return result


def test_a_stream_that_was_let_in_goes_on_at_a_load_peak(tmp_path: Path) -> None:
    async def peak() -> None:
        async with app("kit_models:GatedStream", tmp_path, {"TOWPATH_THREADS": "1", "TOWPATH_QUEUE": "0"}) as served:
            slow, late = Caller(app=served, route="infer_stream"), Caller(app=served, route="infer_stream")
            slow.reading.clear()
            asked = asyncio.create_task(slow.ask())
            await until(lambda: b"first" in slow.answer)
            more = asyncio.create_task(late.ask())
            await until(lambda: late.status != 0)
            slow.reading.set()
            (served.weights / "open").touch()
            await asyncio.gather(asked, more)
            assert (slow.answer.count(b"data: "), b"error" in slow.answer) == (2, False)
            assert (late.status, served.requests.broken_streams) == (503, 0)

    asyncio.run(peak())


@pytest.mark.parametrize("target", ["kit_models:Gate", "loop_models:AsyncGate"])
@pytest.mark.parametrize("route", ["infer", "infer_stream"])
def test_a_caller_that_leaves_is_no_answer_and_no_error(tmp_path: Path, target: str, route: str) -> None:
    async def leave() -> None:
        async with app(target, tmp_path) as served:
            caller = Caller(app=served, route=route)
            asked = asyncio.create_task(caller.ask())
            await asyncio.sleep(0)
            caller.left.set()
            await asyncio.wait_for(asked, 20)
            assert (caller.status, served.requests.codes) == (0, {(route, 499): 1})
            (served.weights / "open").touch()

    asyncio.run(leave())


@pytest.mark.parametrize("target", ["kit_models:GatedStream", "loop_models:AsyncGatedStream"])
def test_a_caller_that_leaves_midway_did_not_get_its_stream(tmp_path: Path, target: str) -> None:
    async def leave() -> None:
        async with app(target, tmp_path) as served:
            caller = Caller(app=served, route="infer_stream")
            asked = asyncio.create_task(caller.ask())
            await until(lambda: b"first" in caller.answer)
            caller.left.set()
            await asyncio.wait_for(asked, 20)
            assert served.requests.codes == {("infer_stream", 499): 1}
            (served.weights / "open").touch()

    asyncio.run(leave())


def test_what_a_caller_left_in_the_queue_is_not_predicted(tmp_path: Path) -> None:
    async def leave() -> None:
        async with app("kit_models:Gate", tmp_path, {"TOWPATH_THREADS": "1"}) as served:
            first, gone, last = (Caller(app=served) for _ in range(3))
            asked = [asyncio.create_task(first.ask())]
            await until((served.weights / "held-1").exists)
            asked += [asyncio.create_task(gone.ask()), asyncio.create_task(last.ask())]
            gone.left.set()
            await until(lambda: served.requests.codes == {("infer", 499): 1})
            (served.weights / "open").touch()
            await asyncio.gather(*asked)
            assert (first.status, last.status, (served.weights / "held-3").exists()) == (200, 200, False)

    asyncio.run(leave())


def test_what_a_caller_left_while_it_was_predicted_still_takes_its_place(tmp_path: Path) -> None:
    async def leave() -> None:
        async with app("kit_models:Gate", tmp_path, {"TOWPATH_THREADS": "1", "TOWPATH_QUEUE": "0"}) as served:
            gone, early = Caller(app=served), Caller(app=served)
            asked = asyncio.create_task(gone.ask())
            await until((served.weights / "held-1").exists)
            gone.left.set()
            await asked
            await early.ask()
            assert early.status == 503
            (served.weights / "open").touch()
            late = early
            while late.status == 503:
                late = Caller(app=served)
                await late.ask()
            assert late.status == 200

    asyncio.run(leave())


def test_a_model_that_is_called_off_can_tidy_up(tmp_path: Path) -> None:
    async def leave() -> None:
        async with app("loop_models:Tidy", tmp_path) as served:
            caller = Caller(app=served)
            asked = asyncio.create_task(caller.ask())
            await until((served.weights / "begun").exists)
            caller.left.set()
            await asyncio.wait_for(asked, 20)
            assert (served.weights / "tidied").exists()
            assert served.requests.codes == {("infer", 499): 1}

    asyncio.run(leave())


def test_what_finds_no_slot_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    async def refuse() -> None:
        async with app("kit_models:Echo", tmp_path, {"TOWPATH_THREADS": "1", "TOWPATH_QUEUE": "0"}) as served:
            full, free = Caller(app=served, body=b"no JSON"), Caller(app=served, body=b"no JSON")
            with served.runtime.slots:
                await full.ask()
            await free.ask()
            assert (full.status, free.status) == (503, 400)

    asyncio.run(refuse())


@pytest.mark.parametrize("target", ["kit_models:Echo", "loop_models:AsyncEcho"])
@pytest.mark.parametrize("route", ["infer", "infer_stream"])
def test_long_requests_and_answers_are_read_counted_and_written_beside_the_loop(
    tmp_path: Path, target: str, route: str
) -> None:
    async def ask() -> None:
        async with app(target, tmp_path) as served:
            served.runtime.aside = noting = Noting()
            short = Caller(app=served, route=route)
            await short.ask()
            assert (short.status, noting.done) == (200, [])
            body = json.dumps(request_of(*range(20_000))).encode()
            long = Caller(app=served, route=route, body=body)
            await long.ask()
            assert (long.status, noting.done) == (200, ["parse_request", "observe", "_encode"])

    asyncio.run(ask())


def test_a_long_request_that_is_wrong_is_the_callers_fault(tmp_path: Path) -> None:
    async def ask() -> None:
        async with app("kit_models:Echo", tmp_path) as served:
            wrong = Caller(app=served, body=b" " * 2**17)
            await wrong.ask()
            assert wrong.status == 400

    asyncio.run(ask())
