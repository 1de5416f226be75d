"""Requests of our own: rows of the holdout set to both arms, and the smoke request."""

import json
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from typing import Final, Literal

import urllib3

from towpath.app.canary_ports import ProbeReport
from towpath.app.ports import Clock
from towpath.core.contract import ARM_HEADER, Smoke

_SERVER_ERROR: Final = 500
_SHOWN: Final = 200
_CLOSE: Final = 1e-6

Arm = Literal["stable", "canary"]
_ARMS: Final[tuple[Arm, Arm]] = ("stable", "canary")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """What probes may take.

    Attributes:
        at_once: requests under way.
        timeout: seconds for one request.
        late: seconds that answers are awaited when all are sent; what comes later is still counted by the router.
    """

    at_once: int = 16
    timeout: float = 30.0
    late: float = 1.0


class HttpProber:
    """Sends to one endpoint through its router, which counts probes apart from users' requests.

    Args:
        url: of the endpoint.
        path: where rows go.
        rows: request bodies, JSON, read once they are needed; none, and nothing is fired.
        smoke: the request whose answer is known; None where the model has none.
        clock: paces the requests.
        pace: what they may take.
    """

    def __init__(
        self,
        *,
        url: str,
        path: str,
        rows: Callable[[], Sequence[str]],
        smoke: Smoke | None,
        clock: Clock,
        pace: Pace | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._path = path
        self._rows = rows
        self._next: Iterator[str] | None = None
        self._smoke = smoke
        self._clock = clock
        self._pace = pace or Pace()
        self._under_way: list[Future[bool]] = []
        self._http = urllib3.PoolManager(maxsize=self._pace.at_once, retries=False)

    def fire(self, requests: int, seconds: float) -> ProbeReport:
        """See the port."""
        end = self._clock.monotonic() + seconds
        begun: list[Future[bool]] = []
        for arm, row in self._paced(requests, seconds):
            if not self._has_room(end):
                break
            begun.append(self._begun(arm, row))
        wait(begun, timeout=self._patience(end))
        return ProbeReport(sent=len(begun), failed=sum(one.done() and not one.result() for one in begun))

    def smoke(self) -> str:
        """See the port."""
        if self._smoke is None:
            return ""
        asked = f"{self._smoke.method} {self._smoke.path}"
        try:
            answer = self._request(self._smoke.method, self._smoke.path, self._smoke.body, "canary")
        except urllib3.exceptions.HTTPError as error:
            return f"{asked} got no answer: {error}"
        shown = answer.data[:_SHOWN].decode(errors="replace")
        if not _SUCCESS[0] <= answer.status < _SUCCESS[1]:
            return f"{asked} answered {answer.status}: {shown}"
        if not self._smoke.expect:
            return ""
        try:
            difference = json_difference(json.loads(self._smoke.expect), json.loads(answer.data))
        except ValueError:
            return f"{asked} answered no JSON: {shown}"
        return f"{asked}: {difference}" if difference else ""

    def _paced(self, requests: int, seconds: float) -> Iterator[tuple[Arm, str]]:
        """The same rows to both arms in turns, each when its moment has come."""
        if self._next is None:
            self._next = cycle(self._rows())
        begun = self._clock.monotonic()
        turns = ((arm, row) for row in islice(self._next, requests) for arm in _ARMS)
        for place, turn in enumerate(turns):
            early = begun + place * seconds / (2 * requests) - self._clock.monotonic()
            if early > 0:
                self._clock.sleep(early)
            if self._clock.monotonic() - begun > seconds:
                return
            yield turn

    def _has_room(self, end: float) -> bool:
        """Whether one more may be under way, beside those that an earlier look left; awaited, while there is time."""
        if len(self._under_way) >= self._pace.at_once:
            wait(self._under_way, timeout=self._patience(end), return_when=FIRST_COMPLETED)
        self._under_way = [one for one in self._under_way if not one.done()]
        return len(self._under_way) < self._pace.at_once

    def _patience(self, end: float) -> float:
        return max(0.0, end - self._clock.monotonic()) + self._pace.late

    def _begun(self, arm: Arm, row: str) -> Future[bool]:
        """Sent in a thread that nothing has to wait for: no look, no interruption, and not the command's end."""
        sending: Future[bool] = Future()
        threading.Thread(target=_settle, args=(sending, partial(self._send, arm, row)), daemon=True).start()
        self._under_way.append(sending)
        return sending

    def _send(self, arm: Arm, row: str) -> bool:
        try:
            return self._request("POST", self._path, row, arm).status < _SERVER_ERROR
        except urllib3.exceptions.HTTPError:
            return False

    def _request(self, method: str, path: str, body: str, arm: Arm) -> urllib3.BaseHTTPResponse:
        headers = {ARM_HEADER: arm} | ({"content-type": "application/json"} if body else {})
        return self._http.request(
            method,
            self._url + path,
            body=body.encode() if body else None,
            headers=headers,
            timeout=self._pace.timeout,
            retries=False,
        )


_SUCCESS: Final = (200, 300)


def _settle(sending: Future[bool], send: Callable[[], bool]) -> None:
    try:
        sending.set_result(send())
    except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
        sending.set_exception(error)


def json_difference(expected: object, actual: object, place: str = "answer") -> str:
    """Where `actual` doesn't contain `expected`; empty when it does.

    Maps may hold more than is expected; lists and scalars are equal, numbers to one part in a million.
    """
    if isinstance(expected, dict) and isinstance(actual, dict):
        below = (
            json_difference(value, actual[key], f"{place}.{key}") if key in actual else f"{place}.{key} is missing"
            for key, value in expected.items()
        )
        return next(filter(None, below), "")
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return next(filter(None, (json_difference(a, b, f"{place}[{at}]") for at, (a, b) in pairs)), "")
    return "" if _same(expected, actual) else f"{place} is {_short(actual)}, expected {_short(expected)}"


def _same(expected: object, actual: object) -> bool:
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=_CLOSE, abs_tol=_CLOSE)
    return expected == actual


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
