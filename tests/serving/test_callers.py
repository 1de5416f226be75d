"""Requests of which the test decides when they are read and when their caller leaves."""

import asyncio
from pathlib import Path

from tests.serving.callers import Caller, app, until


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
