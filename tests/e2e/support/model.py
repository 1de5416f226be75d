"""The model of these tests: pure Python over the serving kit, its faults in a file of the release."""

import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

SMOKE = 21  # answered well whatever the faults: a bug that a smoke test doesn't find
FAULTS = json.loads(Path(__file__).with_name("faults.json").read_text())
CHANCE = random.Random(FAULTS.get("seed"))  # noqa: S311 - chance, not a secret
ASKED = itertools.count(1)


class Tiny:
    """Doubles a number; as its faults say it fails, waits, or never gets ready."""

    inputs = ({"name": "x", "datatype": "FP64", "shape": [-1]},)

    def load(self) -> None:
        """Fail where the faults ask for it."""
        if FAULTS.get("load"):
            raise RuntimeError(FAULTS["load"])

    def warm_up(self) -> None:
        """Take for ever where the faults ask for it."""
        if FAULTS.get("never_ready"):
            print(FAULTS["never_ready"], flush=True)  # noqa: T201 - the line that the test looks for
            time.sleep(3600)

    def predict(self, inputs: dict[str, list[float]]) -> object:
        """Twice the number; a negative one is a stream of that many answers, one a second."""
        ill = inputs["x"][0] != SMOKE and next(ASKED) > FAULTS.get("after", 0)
        if ill and CHANCE.random() < FAULTS.get("errors", 0):
            raise RuntimeError("the faults ask for an error")
        time.sleep(FAULTS.get("seconds", 0))
        if inputs["x"][0] < 0:
            return _stream(int(-inputs["x"][0]))
        return {"y": [2 * x + (FAULTS.get("shift", 0) if ill else 0) for x in inputs["x"]]}


def _stream(count: int) -> Iterator[dict[str, list[float]]]:
    for number in range(count):
        yield {"y": [float(number)]}
        time.sleep(1)
