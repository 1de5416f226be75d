"""The journal of an environment: entries that each name the bytes of the one before.

Appending creates the next number if nobody else has; whoever loses reads again. Everything else that is known about
an environment is a fold over these entries.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from towpath.core.errors import NeedsPerson, Refused, UsageError

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"

FORMAT: Final = 1
SNAPSHOT: Final = "snapshot"
SNAPSHOT_EVERY: Final = 100

_TYPES: Final[dict[str, type | tuple[type, ...]]] = {
    "seq": int,
    "previous": str,
    "nonce": str,
    "time": (int, float),
    "actor": str,
    "promotion": int,
    "fence": int,
    "kind": str,
    "payload": dict,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """What somebody wants to append; the journal adds number, hash, nonce, time and actor.

    Attributes:
        kind: what happened.
        promotion: number of the promotion it belongs to; 0 for none.
        fence: of the lease it was done under; 0 for none.
        payload: its facts, in JSON.
    """

    kind: str
    promotion: int = 0
    fence: int = 0
    payload: Mapping[str, JSON]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One thing that was decided or done.

    Attributes:
        seq: its number, from 1.
        previous: sha256, in hex, of the raw bytes of the entry before; empty for the first.
        nonce: tells the writer's own entry from another's of the same number.
        time: seconds since the epoch, UTC, on the writer's clock.
        actor: who wrote it: user@host.
        promotion: number of the promotion it belongs to; 0 for none.
        fence: of the lease it was written under; 0 for none.
        kind: what happened.
        payload: its facts, in JSON.
        key: where it is stored; empty before it is.
    """

    seq: int
    previous: str
    nonce: str
    time: float
    actor: str
    promotion: int
    fence: int
    kind: str
    payload: Mapping[str, JSON]
    key: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A stored object's place in the chain.

    Attributes:
        seq: its number.
        sha256: of its raw bytes, hex.
        entry: absent when the bytes can't be read as an entry: it is void, and only its hash counts.
    """

    seq: int
    sha256: str
    entry: Entry | None


def entry_key(environment: str, seq: int) -> str:
    """Where the entry of that number is stored."""
    return f"{entry_prefix(environment)}{seq:08d}.json"


def entry_prefix(environment: str) -> str:
    """What the keys of all entries of an environment begin with."""
    return f"journal/{environment}/"


def entry_seq(key: str) -> int | None:
    """The number in an entry's key; None for a key that isn't one."""
    stem = key.rpartition("/")[2].removesuffix(".json")
    return int(stem) if key.endswith(".json") and stem.isascii() and stem.isdigit() else None


def encode(entry: Entry) -> bytes:
    """Canonical JSON: the same entry always gives the same bytes."""
    fields = {name: getattr(entry, name) for name in _TYPES}
    return canonical({"format": FORMAT, **fields})


def canonical(value: object) -> bytes:
    """JSON with sorted keys and no spaces.

    Raises:
        ValueError: a number that JSON doesn't have.
        TypeError: something that isn't JSON.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def follow(last: Link | None, raw: bytes, environment: str) -> Link:
    """Take the next stored object into the chain.

    Raises:
        NeedsPerson: it doesn't belong after `last`; the message names the entry that was changed.
        Refused: a newer Towpath wrote it.
    """
    seq = 1 if last is None else last.seq + 1
    entry = _decode(raw, entry_key(environment, seq))
    if entry is not None:
        _check(entry, seq, last, environment)
    return Link(seq=seq, sha256=hashlib.sha256(raw).hexdigest(), entry=entry)


def resume_at(raw: bytes, seq: int, environment: str) -> Link | None:
    """Begin a chain at a snapshot, whose state stands for everything before; None when it isn't a snapshot.

    Raises:
        Refused: a newer Towpath wrote it.
    """
    entry = _decode(raw, entry_key(environment, seq))
    if entry is None or entry.kind != SNAPSHOT or entry.seq != seq:
        return None
    return Link(seq=seq, sha256=hashlib.sha256(raw).hexdigest(), entry=entry)


def following(last: Link | None, draft: Draft, *, nonce: str, time: float, actor: str) -> Entry:
    """The entry that appends `draft` after `last`."""
    return Entry(
        seq=1 if last is None else last.seq + 1,
        previous="" if last is None else last.sha256,
        nonce=nonce,
        time=round(time, 3),
        actor=actor,
        promotion=draft.promotion,
        fence=draft.fence,
        kind=draft.kind,
        payload=draft.payload,
    )


def since_snapshot(links: Sequence[Link]) -> tuple[Entry, ...]:
    """The newest snapshot, if there is one, and the entries after it; void ones left out."""
    entries = [link.entry for link in links if link.entry is not None]
    snapshots = [at for at, entry in enumerate(entries) if entry.kind == SNAPSHOT]
    return tuple(entries[snapshots[-1] if snapshots else 0 :])


def nonce_of(raw: bytes) -> str | None:
    """Whose entry these bytes are; None when they can't be read."""
    fields = _fields(raw)
    nonce = None if fields is None else fields.get("nonce")
    return nonce if isinstance(nonce, str) else None


def unreadable(entry: Entry, why: Exception) -> NeedsPerson:
    """An entry in its place in the chain, whose payload isn't one of its kind."""
    return _broken(f"journal entry {entry.key or entry.seq} is no {entry.kind} that can be read: {why!r}")


def _check(entry: Entry, seq: int, last: Link | None, environment: str) -> None:
    key = entry_key(environment, seq)
    expected = "" if last is None else last.sha256
    if entry.seq != seq:
        raise _broken(f"journal entry {key} says it is number {entry.seq}")
    if entry.previous != expected:
        before = "nothing" if last is None else entry_key(environment, last.seq)
        raise _broken(f"journal entry {key} was not written after {before} as that is now: one of the two was changed")


def _broken(message: str) -> NeedsPerson:
    return NeedsPerson(message, "restore the state from a backup; nothing acts on a journal that was changed")


def _decode(raw: bytes, key: str) -> Entry | None:
    fields = _fields(raw)
    if fields is None:
        return None
    version = fields.pop("format", None)
    if isinstance(version, int) and version > FORMAT:
        raise Refused(
            f"{key} has format {version}; this Towpath reads format {FORMAT} and older",
            "upgrade Towpath on this machine",
        )
    if version != FORMAT or not _well_typed(fields):
        return None
    return Entry(**fields, key=key)


def _fields(raw: bytes) -> dict[str, Any] | None:
    try:
        parsed = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _well_typed(fields: Mapping[str, object]) -> bool:
    if fields.keys() != _TYPES.keys():
        return False
    return all(isinstance(fields[name], kind) and not isinstance(fields[name], bool) for name, kind in _TYPES.items())


def json_map(value: object) -> Mapping[str, JSON]:
    """The value, which must be a map.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise UsageError(f"expected a map in the journal, found {type(value).__name__}")
    return value


def json_list(value: object) -> Sequence[JSON]:
    """The value, which must be a list.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise UsageError(f"expected a list in the journal, found {type(value).__name__}")
    return value
