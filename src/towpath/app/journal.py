"""Reading and appending to an environment's journal, on a store that can only create."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from towpath.app.ports import Clock, ObjectStore
from towpath.core.errors import Busy, NeedsPerson
from towpath.core.journal import (
    JSON,
    SNAPSHOT,
    SNAPSHOT_EVERY,
    Draft,
    Entry,
    Link,
    encode,
    entry_key,
    entry_prefix,
    entry_seq,
    follow,
    following,
    nonce_of,
    resume_at,
    since_snapshot,
)

_TRIES: Final = 50

Decide = Callable[[Sequence[Entry]], Draft | None]
Snapshot = Callable[[Sequence[Entry]], Mapping[str, JSON]]


@dataclass(kw_only=True, slots=True)
class Journal:
    """One environment's journal; not for use by two threads at once.

    Attributes:
        store: where the entries are.
        clock: gives entries their time.
        environment: whose journal it is.
        actor: who writes: user@host.
        nonces: a fresh unguessable word at every call.
        snapshot: the folded state that every hundredth entry holds; absent: no snapshots are written.
    """

    store: ObjectStore
    clock: Clock
    environment: str
    actor: str
    nonces: Callable[[], str]
    snapshot: Snapshot | None = None
    _links: list[Link] = field(default_factory=list, init=False)
    _chunks: dict[int, dict[str, bytes]] = field(default_factory=dict, init=False)

    def entries(self) -> tuple[Entry, ...]:
        """What is folded: the newest snapshot, if there is one, and every entry since; read anew, as far as it grew.

        Raises:
            NeedsPerson: an entry was changed or is missing.
            Refused: a newer Towpath wrote one.
        """
        if not self._links:
            self._links = self._start()
        self._read_on(self._links)
        return since_snapshot(self._links)

    def history(self) -> tuple[Entry, ...]:
        """Every entry ever written, from the first, with the whole chain checked; raises what `entries` does."""
        links: list[Link] = []
        numbers = self._numbers()  # before they are read: what somebody appends meanwhile is no hole
        self._read_on(links)
        if len(links) < len(numbers):
            raise _missing(entry_key(self.environment, len(links) + 1))
        return tuple(link.entry for link in links if link.entry is not None)

    def append(self, decide: Decide) -> Entry | None:
        """Write what `decide` says about the entries as they are; asked again whenever somebody else was faster.

        Gives back the entry as written, or None when `decide` had nothing to write.

        Raises:
            Busy: others were faster every time, or the draft's fence is lower than one that was written since.
        """
        for _ in range(_TRIES):
            entries = self.entries()
            draft = decide(entries)
            if draft is None:
                return None
            self._refuse_outdated(entries, draft)
            due = self._due_snapshot(entries)
            written = self._write(draft if due is None else due)
            if written is not None and due is None:
                return written
        raise Busy(
            f"{self.environment}: {_TRIES} attempts to write to the journal each lost to somebody else's",
            "try again once the other command is done",
        )

    def store_chunk(self, promotion: int, data: bytes) -> str:
        """Keep observations durably; gives back their key."""
        known = self._known_chunks(promotion)
        number = len(known) + 1
        while not self._create_chunk(key := self._chunk_key(promotion, number), data):
            number += 1
        known[key] = data
        return key

    def chunks(self, promotion: int) -> Mapping[str, bytes]:
        """Observations of a promotion by key, in the order they were stored."""
        return dict(self._known_chunks(promotion))

    def has_chunks(self, promotion: int) -> bool:
        """Whether a promotion has observations; reads none of them."""
        return bool(self.store.keys(self._chunk_prefix(promotion)))

    def _create_chunk(self, key: str, data: bytes) -> bool:
        return self.store.create(key, data) or self.store.get(key) == data

    def _known_chunks(self, promotion: int) -> dict[str, bytes]:
        if promotion not in self._chunks:
            keys = self.store.keys(self._chunk_prefix(promotion))
            self._chunks[promotion] = {key: self._must_get(key) for key in keys}
        return self._chunks[promotion]

    def _chunk_key(self, promotion: int, number: int) -> str:
        return f"{self._chunk_prefix(promotion)}{number:06d}.json"

    def _chunk_prefix(self, promotion: int) -> str:
        return f"observations/{self.environment}/{promotion}/"

    def _write(self, draft: Draft) -> Entry | None:
        last = self._links[-1] if self._links else None
        entry = following(last, draft, nonce=self.nonces(), time=self.clock.now(), actor=self.actor)
        raw, key = encode(entry), entry_key(self.environment, entry.seq)
        if not self.store.create(key, raw) and nonce_of(self.store.get(key) or b"") != entry.nonce:
            return None
        self._links.append(follow(last, raw, self.environment))
        return entry

    def _refuse_outdated(self, entries: Sequence[Entry], draft: Draft) -> None:
        if 0 < draft.fence < _fence(entries):
            newest = max(entries, key=lambda entry: entry.fence)
            raise Busy(
                f"{self.environment} was taken over by {newest.actor}; {draft.kind} was not written",
                f"`deploy status {self.environment}` says what stands",
            )

    def _due_snapshot(self, entries: Sequence[Entry]) -> Draft | None:
        seq = self._links[-1].seq + 1 if self._links else 1
        if self.snapshot is None or seq % SNAPSHOT_EVERY:
            return None
        return Draft(kind=SNAPSHOT, fence=_fence(entries), payload=self.snapshot(entries))

    def _start(self) -> list[Link]:
        numbers = self._numbers()
        for seq in reversed([number for number in numbers if number % SNAPSHOT_EVERY == 0]):
            link = resume_at(self._must_get(entry_key(self.environment, seq)), seq, self.environment)
            if link is not None:
                return [link]
        if numbers and numbers[0] != 1:
            raise _missing(entry_key(self.environment, 1))
        return []

    def _read_on(self, links: list[Link]) -> None:
        seq = links[-1].seq + 1 if links else 1
        while (raw := self.store.get(entry_key(self.environment, seq))) is not None:
            links.append(follow(links[-1] if links else None, raw, self.environment))
            seq += 1

    def _numbers(self) -> list[int]:
        found = (entry_seq(key) for key in self.store.keys(entry_prefix(self.environment)))
        return sorted(seq for seq in found if seq is not None)

    def _must_get(self, key: str) -> bytes:
        raw = self.store.get(key)
        if raw is None:
            raise _missing(key)
        return raw


def _fence(entries: Sequence[Entry]) -> int:
    return max((entry.fence for entry in entries), default=0)


def _missing(key: str) -> NeedsPerson:
    return NeedsPerson(
        f"{key} is missing from the state",
        "restore the state from a backup; nothing acts on a journal with a hole",
    )
