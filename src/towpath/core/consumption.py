"""What the replicas of two arms take of a machine: memory, and CPU between two readings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

FEWEST_REQUESTS: Final = 50  # an arm that answered fewer between the readings says nothing of one request's price


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """One reading of one replica.

    Attributes:
        release_id: whose replica it is.
        name: the platform's name for it.
        at: seconds since the epoch, on the platform's clock.
        cpu_seconds: that it has taken since it began.
        memory_bytes: that it holds, without what the kernel may take back of its file cache; absent where the kernel
            doesn't count it.
    """

    release_id: str
    name: str
    at: float
    cpu_seconds: float
    memory_bytes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Consumption:
    """What an arm takes.

    Attributes:
        replicas: that were read.
        memory_bytes: of all of them, at the second reading; absent where one's isn't known.
        cores: that they kept busy between the readings; absent where none could be read twice.
        requests: answered between the readings, users' and probes.
        cpu_per_request: seconds; what an idle replica takes is in it. Absent where there were too few requests, or
            where not all replicas could be read twice.
    """

    replicas: int
    memory_bytes: int | None
    cores: float | None
    requests: int
    cpu_per_request: float | None


def consumption(before: Sequence[Usage], after: Sequence[Usage], release_id: str, requests: int) -> Consumption | None:
    """What the replicas of a release took; None where none was read."""
    own = [usage for usage in after if usage.release_id == release_id]
    if not own:
        return None
    past = {usage.name: usage for usage in before if usage.release_id == release_id}
    spans = [(past[now.name], now) for now in own if now.name in past and _follows(past[now.name], now)]
    every = len(spans) == len(own) == len(past)
    memory = [usage.memory_bytes for usage in own if usage.memory_bytes is not None]
    seconds = sum(now.cpu_seconds - then.cpu_seconds for then, now in spans)
    return Consumption(
        replicas=len(own),
        memory_bytes=sum(memory) if len(memory) == len(own) else None,
        cores=sum((now.cpu_seconds - then.cpu_seconds) / (now.at - then.at) for then, now in spans) if spans else None,
        requests=requests,
        cpu_per_request=seconds / requests if every and requests >= FEWEST_REQUESTS else None,
    )


def _follows(then: Usage, now: Usage) -> bool:
    """Whether both are of one run; a replica that began again counts from nought."""
    return now.at > then.at and now.cpu_seconds >= then.cpu_seconds
