"""Models that the kit's tests serve; imported by the served process from its own folder."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from towpath.serving import BadInput, Inputs


class Sums:
    """One sum per row; declares what it takes."""

    inputs = ({"name": "x", "datatype": "FP64", "shape": [-1, 2]},)
    outputs = ({"name": "sum", "datatype": "FP64", "shape": [-1]},)

    def predict(self, inputs: Inputs) -> object:
        return {
            "sum": [sum(row) for row in inputs["x"]],
            "label": ["big" if sum(row) > 4 else "small" for row in inputs["x"]],
        }


class Weighted:
    """Reads its weights, by argument."""

    def load(self, weights: Path) -> None:
        self.factor = json.loads((weights / "factor.json").read_text())

    def predict(self, inputs: Inputs) -> object:
        return [value * self.factor for value in inputs.rows]


class WeightedByAttribute:
    """Reads its weights, by attribute."""

    weights: Path

    def load(self) -> None:
        self.factor = json.loads((self.weights / "factor.json").read_text())

    def predict(self, inputs: Inputs) -> object:
        return [value * self.factor for value in inputs.rows]


class Echo:
    """Answers what it is asked; no load, no declaration."""

    def predict(self, inputs: Inputs) -> object:
        return dict(inputs)


class Moods:
    """Does what its input says."""

    def predict(self, inputs: Inputs) -> object:
        (mood,) = inputs.rows
        if mood == "raise":
            raise RuntimeError("the secret of the house")
        if mood == "refuse":
            raise BadInput("I don't predict on that")
        if mood == "exit":
            raise SystemExit(3)
        answers = {
            "nan": float("nan"),
            "ragged": [[1], [1, 2]],
            "object": object(),
            "nothing": {},
            "matrix": [[1, 2], [3, 4]],
        }
        return answers[str(mood)]


class Async:
    """Answers on the event loop."""

    async def predict(self, inputs: Inputs) -> object:
        await asyncio.sleep(0)
        return inputs.rows


class Counting:
    """Streams the numbers below its input; fails at 13."""

    def predict(self, inputs: Inputs) -> Iterator[object]:
        (most,) = inputs.rows
        for number in range(most):
            if number == 13:
                raise RuntimeError("the secret of the house")
            yield {"number": [number]}


class AsyncCounting:
    """Streams without a thread."""

    async def predict(self, inputs: Inputs) -> AsyncIterator[object]:
        (most,) = inputs.rows
        for number in range(most):
            await asyncio.sleep(0)
            yield {"number": [number]}


class Gate:
    """Holds every request until the file `open` exists in its weights; says how many it holds in `held`."""

    def load(self, weights: Path) -> None:
        self.weights = weights
        self.lock = threading.Lock()
        self.held = 0

    def predict(self, inputs: Inputs) -> object:
        with self.lock:
            self.held += 1
            (self.weights / f"held-{self.held}").touch()
        wait_for(self.weights / "open")
        return inputs.rows


class GatedStream(Gate):
    """Streams one part, waits for the file `open`, streams the other."""

    def predict(self, _inputs: Inputs) -> Iterator[object]:
        yield ["first"]
        wait_for(self.weights / "open")
        yield ["last"]


class Busy:
    """Computes in Python without a pause for its input's seconds."""

    def predict(self, inputs: Inputs) -> object:
        end = time.monotonic() + float(inputs.rows[0])
        while time.monotonic() < end:
            pass
        return [1]


class SlowToLoad:
    """Loads once the file `open` exists."""

    def load(self, weights: Path) -> None:
        wait_for(weights / "open")

    def predict(self, inputs: Inputs) -> object:
        return inputs.rows


class FailsToLoad:
    """Can't be loaded."""

    def load(self) -> None:
        raise ValueError("layer 3 has 12 weights, not 10")

    def predict(self, inputs: Inputs) -> object:
        return inputs.rows


class Warm:
    """Writes down that it was warmed, and what it was asked."""

    def load(self, weights: Path) -> None:
        self.weights = weights

    def predict(self, inputs: Inputs) -> object:
        with (self.weights / "asked").open("a") as file:
            file.write(f"{inputs.rows}\n")
        return inputs.rows


class WarmByItself(Warm):
    """Has a warm-up of its own."""

    def warm_up(self) -> None:
        (self.weights / "warmed").touch()


class ColdHeart(Warm):
    """Its warm-up fails."""

    def warm_up(self) -> None:
        raise RuntimeError("no heat")


class NoPredict:
    """Is no model."""


def wait_for(path: Path) -> None:
    """Wait until a test makes the file; give up after 20 s."""
    for _ in range(4000):
        if path.exists():
            return
        time.sleep(0.005)
