"""Models that answer on the event loop; imported by the served process from its own folder."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from towpath.serving import Inputs


class AsyncGate:
    """Holds every request until the file `open` exists in its weights."""

    def load(self, weights: Path) -> None:
        self.weights = weights

    async def predict(self, inputs: Inputs) -> object:
        await made(self.weights / "open")
        return inputs.rows


class AsyncGatedStream(AsyncGate):
    """Streams one part, waits for the file `open`, streams the other."""

    async def predict(self, _inputs: Inputs) -> AsyncIterator[object]:  # type: ignore[override]  # answers otherwise
        yield ["first"]
        await made(self.weights / "open")
        yield ["last"]


async def made(path: Path) -> None:
    """Wait until a test makes the file; give up after 20 s."""
    for _ in range(4000):
        if await asyncio.to_thread(path.exists):
            return
        await asyncio.sleep(0.005)
