"""Appending against others, lost replies and crashes."""

import itertools
from collections.abc import Mapping, Sequence

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.store import Crashed, FakeStore
from towpath.app.journal import Journal
from towpath.core.errors import Busy, NeedsPerson
from towpath.core.journal import JSON, Draft, Entry


def journal(store: FakeStore, actor: str = "ann@box", *, snapshots: bool = False) -> Journal:
    numbers = itertools.count()
    return Journal(
        store=store,
        clock=FakeClock(),
        environment="prod",
        actor=actor,
        nonces=lambda: f"{actor}-{next(numbers)}",
        snapshot=count if snapshots else None,
    )


def count(entries: Sequence[Entry]) -> Mapping[str, JSON]:
    return {"count": counted(entries)}


def counted(entries: Sequence[Entry]) -> int:
    total = 0
    for entry in entries:
        at_snapshot = entry.payload.get("count")
        total = at_snapshot if entry.kind == "snapshot" and isinstance(at_snapshot, int) else total + 1
    return total


def note(text: str) -> Draft:
    return Draft(kind="noted", payload={"text": text})


def texts(entries: Sequence[Entry]) -> list[JSON]:
    return [entry.payload.get("text") for entry in entries]


def test_what_is_appended_is_read_by_everyone() -> None:
    store = FakeStore()
    ann, bob = journal(store), journal(store, "bob@box")
    ann.append(lambda _: note("one"))
    bob.append(lambda _: note("two"))
    assert texts(ann.entries()) == texts(bob.entries()) == texts(bob.history()) == ["one", "two"]
    assert [entry.actor for entry in ann.entries()] == ["ann@box", "bob@box"]


def test_what_somebody_appends_while_all_is_read_is_no_hole() -> None:
    store = FakeStore()
    ann = journal(store)
    ann.append(lambda _: note("one"))

    def meanwhile(operation: str, _key: str) -> None:
        if operation == "keys":
            store.before = None
            ann.append(lambda _: note("two"))

    store.before = meanwhile
    assert texts(journal(store, "bob@box").history()) == ["one", "two"]


def test_nothing_is_written_when_there_is_nothing_to_say() -> None:
    store = FakeStore()
    assert journal(store).append(lambda _: None) is None
    assert store.objects == {}


def test_reading_again_asks_only_for_what_may_be_new() -> None:
    store = FakeStore()
    ann = journal(store)
    for text in "abc":
        ann.append(lambda _, text=text: note(text))  # type: ignore[misc] # mypy can't type a lambda's default
    store.reads.clear()
    ann.entries()
    assert store.reads == ["journal/prod/00000004.json"]


def test_who_loses_the_race_reads_again_and_decides_again() -> None:
    store = FakeStore()
    ann, bob = journal(store), journal(store, "bob@box")
    bob_first = iter([True])

    def decide(entries: Sequence[Entry]) -> Draft | None:
        if next(bob_first, False):
            bob.append(lambda _: note("bob was faster"))
        return None if texts(entries) == ["bob was faster"] else note("ann")

    assert ann.append(decide) is None
    assert texts(ann.entries()) == ["bob was faster"]


def test_a_lost_reply_is_not_a_lost_race() -> None:
    store = FakeStore(faults={"journal/prod/00000001.json": "lost-reply"})
    ann = journal(store)
    written = ann.append(lambda _: note("once"))
    assert written is not None
    assert written.seq == 1
    assert texts(ann.entries()) == ["once"]


@pytest.mark.parametrize(("fault", "stands"), [("crash-before", ["again"]), ("crash-after", ["once", "again"])])
def test_a_crash_leaves_the_whole_entry_or_none(fault: str, stands: list[str]) -> None:
    store = FakeStore(faults={"journal/prod/00000001.json": fault})
    with pytest.raises(Crashed):
        journal(store).append(lambda _: note("once"))
    after = journal(store)
    after.append(lambda _: note("again"))
    assert texts(after.history()) == stands


def test_a_torn_last_entry_is_void_and_the_next_one_chains_its_hash() -> None:
    store = FakeStore()
    ann = journal(store)
    ann.append(lambda _: note("one"))
    store.objects["journal/prod/00000002.json"] = b'{"format":1,"se'
    written = ann.append(lambda _: note("three"))
    assert written is not None
    assert written.seq == 3
    assert texts(journal(store).history()) == ["one", "three"]


def test_a_torn_entry_that_appears_in_the_race_is_stepped_over() -> None:
    store = FakeStore(faults={"journal/prod/00000001.json": b"{"})
    written = journal(store).append(lambda _: note("mine"))
    assert written is not None
    assert written.seq == 2


def test_losing_every_time_ends_as_busy() -> None:
    store = FakeStore()
    ann, bob = journal(store), journal(store, "bob@box")

    def decide(_: Sequence[Entry]) -> Draft:
        bob.append(lambda _: note("bob"))
        return note("ann")

    with pytest.raises(Busy, match="prod: 50 attempts"):
        ann.append(decide)
    assert set(texts(ann.entries())) == {"bob"}


def test_a_changed_entry_stops_every_reader() -> None:
    store = FakeStore()
    ann = journal(store)
    for _ in range(3):
        ann.append(lambda _: note("x"))
    key = "journal/prod/00000002.json"
    store.objects[key] = store.objects[key].replace(b'"x"', b'"y"')
    with pytest.raises(NeedsPerson, match="00000003"):
        journal(store).entries()


@pytest.mark.parametrize("gone", [1, 2])
def test_a_missing_entry_stops_every_reader_of_the_whole(gone: int) -> None:
    store = FakeStore()
    ann = journal(store)
    for _ in range(3):
        ann.append(lambda _: note("x"))
    del store.objects[f"journal/prod/0000000{gone}.json"]
    with pytest.raises(NeedsPerson, match=f"0000000{gone}.json is missing"):
        journal(store).history()


def test_every_hundredth_entry_is_a_snapshot_that_a_cold_reader_begins_at() -> None:
    store = FakeStore()
    ann = journal(store, snapshots=True)
    for number in range(205):
        ann.append(lambda _, number=number: note(str(number)))  # type: ignore[misc] # as above
    store.reads.clear()
    cold = journal(store, snapshots=True)
    entries = cold.entries()
    assert [entry.kind for entry in entries] == ["snapshot"] + ["noted"] * 7
    assert len(store.reads) < 12
    assert counted(entries) == 205
    assert entries == ann.entries()
    assert counted(cold.history()) == 205
    assert [entry.seq for entry in cold.history() if entry.kind == "snapshot"] == [100, 200]


def test_a_void_snapshot_only_costs_time() -> None:
    store = FakeStore()
    ann = journal(store, snapshots=True)
    for _ in range(99):
        ann.append(lambda _: note("x"))
    store.objects["journal/prod/00000100.json"] = b"torn"
    ann.append(lambda _: note("y"))
    assert counted(journal(store, snapshots=True).entries()) == 100


def test_a_snapshot_tells_the_decider_to_decide_on_it() -> None:
    store = FakeStore()
    ann = journal(store, snapshots=True)
    for _ in range(99):
        ann.append(lambda _: note("x"))
    seen: list[int] = []

    def decide(entries: Sequence[Entry]) -> Draft:
        seen.append(counted(entries))
        return note("y")

    written = ann.append(decide)
    assert written is not None
    assert written.seq == 101
    assert seen == [99, 99]


def test_chunks_come_back_in_order_and_survive_the_process() -> None:
    store = FakeStore()
    ann = journal(store)
    keys = [ann.store_chunk(4, data) for data in (b"a", b"b")]
    assert keys == ["observations/prod/4/000001.json", "observations/prod/4/000002.json"]
    later = journal(store)
    assert later.store_chunk(4, b"c") == "observations/prod/4/000003.json"
    assert list(later.chunks(4).values()) == [b"a", b"b", b"c"]
    assert later.chunks(5) == {}


def test_a_chunk_whose_reply_was_lost_is_stored_once() -> None:
    store = FakeStore(faults={"observations/prod/4/000001.json": "lost-reply"})
    assert journal(store).store_chunk(4, b"a") == "observations/prod/4/000001.json"
    assert len(store.objects) == 1


def test_a_chunk_never_overwrites_another() -> None:
    store = FakeStore(faults={"observations/prod/4/000001.json": b"other"})
    assert journal(store).store_chunk(4, b"a") == "observations/prod/4/000002.json"
    assert store.objects["observations/prod/4/000001.json"] == b"other"
