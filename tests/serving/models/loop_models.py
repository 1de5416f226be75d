"""Models that answer on the event loop; imported by the served process from its own folder."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from towpath.serving import Inputs


class AsyncEcho:
    """Answers what it is asked."""

    async def predict(self, inputs: Inputs) -> object:
        return dict(inputs)


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


class Tidy(AsyncGate):
    """Is upset when it is called off."""

    async def predict(self, inputs: Inputs) -> object:
        (self.weights / "begun").touch()
        try:
            await made(self.weights / "open")
        except asyncio.CancelledError as error:
            (self.weights / "tidied").touch()
            raise RuntimeError("half done") from error
        return inputs.rows


class Resident:
    """What its load makes belongs to the loop of its load, and is of no use on another."""

    async def load(self, weights: Path) -> None:
        await asyncio.sleep(0)
        self.loop = asyncio.get_running_loop()
        self.asked = weights / "asked"

    async def predict(self, inputs: Inputs) -> object:
        await self._ask(inputs.rows)
        return inputs.rows

    async def _ask(self, what: object) -> None:
        if asyncio.get_running_loop() is not self.loop:
            raise RuntimeError("attached to a different loop")
        with self.asked.open("a") as file:
            file.write(f"{what}\n")


class ResidentWarmUp(Resident):
    """Has a warm-up of its own."""

    async def warm_up(self) -> None:
        await self._ask("warm")


class ResidentStream(Resident):
    """Streams its rows."""

    async def predict(self, inputs: Inputs) -> AsyncIterator[object]:  # type: ignore[override]  # answers otherwise
        for row in inputs.rows:
            await self._ask(row)
            yield [row]


class FailsToLoad:
    """Can't be loaded."""

    async def load(self) -> None:
        raise ValueError("layer 3 has 12 weights, not 10")

    async def predict(self, inputs: Inputs) -> object:
        return inputs.rows


class ColdHeart:
    """Its warm-up fails."""

    async def warm_up(self) -> None:
        raise RuntimeError("no heat")

    async def predict(self, inputs: Inputs) -> object:
        return inputs.rows


class Broken:
    """Fails on every row."""

    async def predict(self, inputs: Inputs) -> object:
        raise KeyError(inputs.rows[0])


class BrokenStream:
    """Fails after the first part."""

    def predict(self, inputs: Inputs) -> Iterator[object]:
        yield inputs.rows
        raise KeyError(inputs.rows[0])


class BrokenAsyncStream:
    """Fails after the first part."""

    async def predict(self, inputs: Inputs) -> AsyncIterator[object]:
        yield inputs.rows
        raise KeyError(inputs.rows[0])


class Unspeakable:
    """Answers what no tensor can hold."""

    async def predict(self, _inputs: Inputs) -> object:
        return object()


class Leaver:
    """Tries to end the process."""

    async def load(self) -> None:
        raise SystemExit(3)

    async def predict(self, inputs: Inputs) -> object:
        return inputs.rows


async def made(path: Path) -> None:
    """Wait until a test makes the file; give up after 20 s."""
    for _ in range(4000):
        if await asyncio.to_thread(path.exists):
            return
        await asyncio.sleep(0.005)
