"""The right to act on an environment: who holds it, under which fence, as the journal says."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from towpath.core.errors import Busy
from towpath.core.journal import JSON, SNAPSHOT, Draft, Entry

TAKEN: Final = "lease-taken"
RELEASED: Final = "lease-released"
SNAPSHOT_KEY: Final = "lease"  # where a journal snapshot's payload keeps `lease_snapshot`
DEFAULT_TTL: Final = 15.0


class LeaseTaken(Busy):
    """A living command holds the environment's lease."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """A driver process.

    Attributes:
        machine: identity of the running system whose process ids these are; empty where none can be had.
        host: its name, for people.
        pid: of the driver.
        started: when that process began, in the system's own measure; a process id comes back, the pair doesn't.
        user: who runs it.
        command: what it was taken for.
        since: seconds since the epoch, on the holder's clock.
    """

    machine: str
    host: str
    pid: int
    started: str
    user: str
    command: str
    since: float

    def __str__(self) -> str:
        return f"{self.user}@{self.host} (process {self.pid}, {self.command}, since {_utc(self.since)})"


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseState:
    """What the journal says about a lease.

    Attributes:
        fence: number of the last one that was taken; 0 when none ever was.
        holder: who took it and didn't give it back.
        ttl: seconds without a heartbeat after which that one is stale.
    """

    fence: int = 0
    holder: Holder | None = None
    ttl: float = DEFAULT_TTL


class Sign(Enum):
    """What a contender knows of the holder."""

    LIVES = "lives"
    UNSURE = "unsure"
    STALE = "stale"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulse:
    """What a contender has seen of the holder's heartbeat.

    Attributes:
        changed: its object changed while it was watched.
        silent: seconds on the contender's own clock since it was first looked at.
    """

    changed: bool
    silent: float


def lease_of(entries: Sequence[Entry]) -> LeaseState:
    """Fold a journal into its lease."""
    state = LeaseState()
    for entry in entries:
        if entry.kind == SNAPSHOT:
            state = _from_snapshot(entry)
        elif entry.kind == TAKEN:
            state = _taken(entry.payload, entry.fence)
        elif entry.kind == RELEASED and entry.fence == state.fence:
            state = LeaseState(fence=state.fence)
    return state


def lease_snapshot(entries: Sequence[Entry]) -> Mapping[str, JSON]:
    """What a journal snapshot must keep under `SNAPSHOT_KEY`."""
    state = lease_of(entries)
    holder = None if state.holder is None else asdict(state.holder)
    return {"fence": state.fence, "holder": holder, "ttl": state.ttl}


def taking(state: LeaseState, holder: Holder, ttl: float) -> Draft:
    """The entry that takes the next fence."""
    return Draft(kind=TAKEN, fence=state.fence + 1, payload={"holder": asdict(holder), "ttl": ttl})


def releasing(fence: int) -> Draft:
    """The entry that gives the lease back."""
    return Draft(kind=RELEASED, fence=fence, payload={})


def sign(pulse: Pulse, ttl: float) -> Sign:
    """Whether the holder lives, as far as its heartbeat tells.

    A change proves a living holder. The lack of one proves nothing before twice the TTL: once for the heartbeat to be
    stale, once more for a holder that can't renew to have stopped its engine.
    """
    if pulse.changed:
        return Sign.LIVES
    return Sign.STALE if pulse.silent >= 2 * ttl else Sign.UNSURE


def busy(environment: str, holder: Holder) -> LeaseTaken:
    """Somebody else holds it."""
    return LeaseTaken(
        f"{environment} is held by {holder}", "wait until that command is done, or ask for it to be stopped"
    )


def _taken(payload: Mapping[str, JSON], fence: int) -> LeaseState:
    ttl = payload.get("ttl")
    return LeaseState(
        fence=fence,
        holder=_holder(payload.get("holder")),
        ttl=float(ttl) if isinstance(ttl, int | float) else DEFAULT_TTL,
    )


def _from_snapshot(entry: Entry) -> LeaseState:
    kept = entry.payload.get(SNAPSHOT_KEY)
    if not isinstance(kept, Mapping):
        return LeaseState(fence=entry.fence)
    fence = kept.get("fence")
    return _taken(kept, fence if isinstance(fence, int) else entry.fence)


def _holder(value: JSON) -> Holder | None:
    """Lenient, because a lease that can't be read must still be seen as held."""
    if not isinstance(value, Mapping):
        return None
    known = {field.name: value.get(field.name) for field in fields(Holder)}
    pid, since = known["pid"], known["since"]
    return Holder(
        machine=str(known["machine"] or ""),
        host=str(known["host"] or "?"),
        pid=pid if isinstance(pid, int) else 0,
        started=str(known["started"] or ""),
        user=str(known["user"] or "?"),
        command=str(known["command"] or "?"),
        since=float(since) if isinstance(since, int | float) else 0.0,
    )


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="seconds")
