"""Open-loop load on the model of these tests, as long as a block lasts."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from examples.load import Answer, Load, Summary, summary
from examples.traffic import Traffic

BODY = json.dumps({"inputs": [{"name": "x", "shape": [1], "datatype": "FP64", "data": [4]}]})
PATH = "/v2/models/tiny/infer"
_LONGEST = 900.0  # seconds; no block lasts nearly as long


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What became of a load; complete once its block has ended."""

    traffic: Traffic

    @property
    def answers(self) -> tuple[Answer, ...]:
        return self.traffic.answers()

    @property
    def failed(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.failed]

    def wait(self, seconds: float) -> None:
        """Let so much traffic pass."""
        time.sleep(seconds)

    @property
    def summary(self) -> Summary:
        return summary(self.answers)


@contextmanager
def load(url: str, rate: float, *, path: str = PATH, bodies: Sequence[str] = (BODY,)) -> Iterator[Sent]:
    """Send so many requests a second until the block ends; the last ones are waited for."""
    wanted = Load(
        url=url + path, bodies=tuple(body.encode() for body in bodies), rate=rate, seconds=_LONGEST, timeout=15.0
    )
    with Traffic(wanted) as traffic:
        yield Sent(traffic=traffic)
