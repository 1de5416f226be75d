"""Users' requests beside a promotion: who answered them, as it goes on and in the end."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from examples.demo.screen import Screen
from examples.load import Answer, Load
from examples.traffic import Traffic

_RECENT: Final = 3.0  # seconds of requests that the moving line tells the shares of
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What users saw.

    Attributes:
        requests: that were sent.
        own: failed, and the candidate itself answered them with a server error.
        others: failed in any other way: the router, stable, no answer.
        why: of the others, in words.
        shares: of all answers, by version.
    """

    requests: int
    own: int
    others: int
    why: str
    shares: dict[str, int]


@dataclass(kw_only=True)
class Watch:
    """Names answers by version: an identity that isn't known is the candidate's.

    Attributes:
        known: version by identity of the release, of what served before.
        candidate: version of what is promoted now.
        answers: every answer so far.
    """

    known: dict[str, str]
    candidate: str
    answers: list[Answer] = field(default_factory=list)

    def version(self, answer: Answer) -> str:
        """Who answered."""
        return self.known.get(answer.release, self.candidate) if answer.release else "nobody"

    def own_failure(self, answer: Answer) -> bool:
        """Whether the candidate itself said that it failed."""
        is_error = answer.status >= _SERVER_ERROR
        return is_error and self.version(answer) == self.candidate and self.candidate not in self.known.values()

    def verdict(self) -> Verdict:
        """What users saw so far."""
        failed = [answer for answer in self.answers if answer.failed]
        others = [answer for answer in failed if not self.own_failure(answer)]
        return Verdict(
            requests=len(self.answers),
            own=len(failed) - len(others),
            others=len(others),
            why=", ".join(f"{count} x {said}" for said, count in Counter(map(self._said, others)).most_common()),
            shares=dict(Counter(self.version(answer) for answer in self.answers)),
        )

    def line(self) -> str:
        """The last seconds in one line."""
        now = max((answer.due for answer in self.answers[-1:]), default=0.0)
        recent = [answer for answer in reversed(self.answers[-1000:]) if answer.due > now - _RECENT]
        return f"  users {now:5.1f}s: {len(self.answers)} requests, {self._failures()} · now {_shares(self, recent)}"

    def identity(self) -> str:
        """The candidate's identity, once it has answered; empty before."""
        unknown = [answer.release for answer in self.answers if answer.release and answer.release not in self.known]
        return unknown[-1] if unknown else ""

    def _said(self, answer: Answer) -> str:
        return answer.error or f"{answer.status} by {self.version(answer)}"

    def _failures(self) -> str:
        now = self.verdict()
        own = f", and {now.own} that {self.candidate} itself failed" if now.own else ""
        return f"{now.others} failed{own}"


def _shares(watch: Watch, recent: Sequence[Answer]) -> str:
    counts = Counter(watch.version(answer) for answer in recent)
    return ", ".join(f"{name} {100 * count / len(recent):.0f} %" for name, count in sorted(counts.items()))


@contextmanager
def watched(screen: Screen, traffic: Traffic, watch: Watch) -> Iterator[None]:
    """The last state of the moving line stays when the load has ended."""
    try:
        with traffic:
            yield
    finally:
        catch_up(traffic, watch)
        screen.still()
        screen.line(watch.line())


def catch_up(traffic: Traffic, watch: Watch) -> None:
    """Take over what was answered meanwhile."""
    watch.answers.extend(traffic.answers(len(watch.answers)))


def users(url: str, bodies: tuple[bytes, ...], rate: float) -> Traffic:
    """People who go on asking whatever happens, for ten minutes at most."""
    return Traffic(Load(url=url, bodies=bodies, rate=rate, seconds=600.0))
