"""What a load sends, and what became of it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

_OK: Final = range(200, 300)


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What is sent. Times in seconds.

    Attributes:
        url: http://, an address of this machine only.
        bodies: JSON, sent one after the other and then from the first again.
        rate: requests per second.
        seconds: it ends by itself after so long.
        timeout: an answer that isn't whole by then is a failure.
        in_flight: requests that may wait for their answers at once; one more is a failure.
    """

    url: str
    bodies: tuple[bytes, ...]
    rate: float
    seconds: float
    timeout: float = 10.0
    in_flight: int = 500

    def __post_init__(self) -> None:
        """Refuse what isn't bounded or goes elsewhere."""
        target = urlsplit(self.url)
        if target.scheme != "http" or not _is_here(target.hostname or ""):
            message = f"{self.url}: load goes to http:// addresses of this machine only"
            raise ValueError(message)
        if not self.bodies or self.rate <= 0 or self.seconds <= 0:
            message = "a load needs bodies, and a rate and seconds above 0"
            raise ValueError(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What became of one request.

    Attributes:
        due: when it had to be sent, in seconds since the load began.
        seconds: from then to the answer's last byte, so that a late start counts.
        status: HTTP's; 0 when there was no whole answer.
        release: who answered, as the router says; empty where it doesn't.
        error: why there was no whole answer.
    """

    due: float
    seconds: float
    status: int = 0
    release: str = ""
    error: str = ""

    @property
    def failed(self) -> bool:
        """Whether the caller didn't get what it asked for."""
        return self.status not in _OK


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """Counts of many answers; latencies in seconds, of whole answers."""

    answers: int
    failed: int
    statuses: dict[int, int]
    releases: dict[str, int]
    errors: dict[str, int]
    p50: float
    p99: float
    worst: float

    def __str__(self) -> str:
        """One line."""
        statuses = ", ".join(f"{count} x {status or 'none'}" for status, count in sorted(self.statuses.items()))
        shares = ", ".join(f"{name or 'unnamed'} {100 * n / self.answers:.1f} %" for name, n in self.releases.items())
        latency = f"p50 {1000 * self.p50:.1f} ms, p99 {1000 * self.p99:.1f} ms, worst {1000 * self.worst:.1f} ms"
        return f"{self.answers} requests, {self.failed} failed ({statuses}); {shares}; {latency}"


def summary(answers: Sequence[Answer]) -> Summary:
    """Count them."""
    whole = sorted(answer.seconds for answer in answers if answer.status)
    return Summary(
        answers=len(answers),
        failed=sum(answer.failed for answer in answers),
        statuses=dict(Counter(answer.status for answer in answers)),
        releases=dict(Counter(answer.release for answer in answers if answer.status)),
        errors=dict(Counter(answer.error for answer in answers if answer.error)),
        p50=_quantile(whole, 0.50),
        p99=_quantile(whole, 0.99),
        worst=whole[-1] if whole else 0.0,
    )


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
