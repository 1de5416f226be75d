"""What became of each canary, kept as a line of JSON as soon as it ended."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from examples.load import Answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """One canary. Times in seconds since the candidate's first request.

    Attributes:
        scenario: its name.
        number: of its scenario's runs.
        outcome: promoted, rolled back, undecided, or broken where the command ended in no such way.
        why: the reason given.
        onset: when the fault began; 0: it was there from the first request.
        verdict: when the driver began to roll back or, where it didn't, when it was done.
        lived: when the candidate's last request was sent.
        requests: the candidate's own.
        affected: those of them from the onset on.
        failed: the candidate's own that failed.
        others: requests that failed and weren't the candidate's.
        slower: median latency of the candidate's answers over that of stable's beside it, as clients saw
            them.
        seconds: of the whole command.
        load: of the machine as it ended.
        settings: hash of what the scenario asked for.
    """

    scenario: str
    number: int
    outcome: str
    why: str
    onset: float
    verdict: float
    lived: float
    requests: int
    affected: int
    failed: int
    others: int
    slower: float
    seconds: float
    load: float
    settings: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """How the command ended, from the journal; times in seconds since the epoch."""

    outcome: str
    why: str
    verdict: float


def ended(entries: Sequence[Mapping[str, Any]], code: int) -> Ended:
    """The newest promotion in a journal; one that ended otherwise than a canary may is broken."""
    opened = [entry["promotion"] for entry in entries if entry["kind"] == "promotion-opened"]
    own = [entry for entry in entries if entry["promotion"] in opened[-1:]]
    closed = next((entry for entry in own if entry["kind"] == "promotion-closed"), None)
    back = next((entry for entry in own if entry["kind"] == "rolling-back"), None)
    if closed is None or code not in _ENDS:
        return Ended(outcome="broken", why=f"it ended with {code}", verdict=0.0)
    if back is None:
        return Ended(outcome=str(closed["payload"]["outcome"]), why="", verdict=float(closed["time"]))
    outcome = "rolled back" if back["payload"]["bad"] else "undecided"
    return Ended(outcome=outcome, why=str(back["payload"]["reason"]), verdict=float(back["time"]))


_ENDS = (0, 5)


@dataclass(frozen=True, kw_only=True, slots=True)
class Users:
    """What clients saw of a canary; times in seconds since the load began."""

    first: float
    last: float
    onset: float
    requests: int
    affected: int
    failed: int
    others: int
    slower: float


def users(answers: Iterable[Answer], after: int) -> Users:
    """Tell the candidate's answers from all others by the release that the router names in each.

    Who answers first is stable, any other release the candidate; an answer without a release is the router's own. A
    fault begins `after` requests of the candidate.
    """
    known = sorted(answers, key=lambda answer: answer.due)
    stable = next((answer.release for answer in known if answer.release), "")
    own = [answer for answer in known if answer.release not in {"", stable}]
    others = [answer for answer in known if answer.release in {"", stable}]
    beside = [answer for answer in others if own and own[0].due <= answer.due <= own[-1].due]
    return Users(
        first=own[0].due if own else 0.0,
        last=own[-1].due if own else 0.0,
        onset=own[min(after, len(own) - 1)].due if own else 0.0,
        requests=len(own),
        affected=len(own[after:]),
        failed=sum(answer.failed for answer in own),
        others=sum(answer.failed for answer in others),
        slower=_median(own) / _median(beside),
    )


def _median(answers: Sequence[Answer]) -> float:
    whole = sorted(answer.seconds for answer in answers if not answer.failed)
    return whole[len(whole) // 2] if whole else 1.0


class Kept:
    """The file of runs."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def forget(self) -> None:
        """Begin anew."""
        self._path.unlink(missing_ok=True)

    def add(self, ran: Ran) -> None:
        """Keep one more; what was cut off before it goes."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._whole()
        if self._path.exists() and self._path.stat().st_size > len(whole.encode()):
            self._path.write_text(whole, encoding="utf-8")
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(ran)) + "\n")

    def read(self) -> list[Ran]:
        """All that were kept; a last line that was cut off is none."""
        return [Ran(**json.loads(line)) for line in self._whole().splitlines()]

    def _whole(self) -> str:
        text = self._path.read_text(encoding="utf-8") if self._path.exists() else ""
        return text[: text.rfind("\n") + 1]
