"""Release records on the object store: the one in memory and files."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fakes.store import FakeStore
from towpath.adapters.records import ReleaseStore
from towpath.adapters.store import open_store
from towpath.app.ports import ObjectStore
from towpath.core.errors import NeedsPerson
from towpath.core.records import encode_record
from towpath.core.release import ImageRef, ReleaseRecord, TestResult

A, B = (ImageRef(repository="localhost:5055/m", digest="sha256:" + letter * 64) for letter in "ab")
ONE, TWO = "1" * 40, "2" * 40


def record(image: ImageRef, commit: str, at: int, *, dirty: bool = False, passed: bool = True) -> ReleaseRecord:
    return ReleaseRecord(
        image=image,
        model="m",
        commit=commit,
        dirty=dirty,
        built_at=f"2026-11-21T10:00:{at:02}Z",
        builder="layers",
        platform="linux/amd64",
        base="",
        tests=TestResult(passed=passed, command=("t",), summary=f"passed in {at} s"),
        created_by="me",
    )


@pytest.fixture(params=["memory", "files"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    return FakeStore() if request.param == "memory" else open_store(str(tmp_path))


@pytest.fixture
def store(objects: ObjectStore) -> ReleaseStore:
    return ReleaseStore(objects)


def test_a_record_is_found_by_digest_by_commit_and_in_the_list(store: ReleaseStore) -> None:
    first, second = record(A, ONE, 1), record(B, TWO, 2)
    store.add(first)
    store.add(second)
    assert store.get(A) == first
    assert store.newest("m", ONE) == first
    assert store.list("m") == (second, first)


def test_what_was_never_built_has_no_record(store: ReleaseStore) -> None:
    assert store.get(A) is None
    assert store.newest("m", ONE) is None
    assert store.list("m") == ()


def test_the_same_build_again_keeps_the_first_record(store: ReleaseStore) -> None:
    first = record(A, ONE, 1)
    store.add(first)
    assert store.add(record(A, ONE, 2)) == first
    assert store.list("m") == (first,)


def test_the_same_digest_from_another_commit_is_found_by_either(store: ReleaseStore) -> None:
    first, second = record(A, ONE, 1), record(A, TWO, 2)
    store.add(first)
    store.add(second)
    assert store.newest("m", ONE) == first
    assert store.newest("m", TWO) == second


def test_going_back_to_an_earlier_digest_makes_it_the_newest_of_its_commit(store: ReleaseStore) -> None:
    for image, at in ((A, 1), (B, 2), (A, 3)):
        store.add(record(image, ONE, at))
    newest = store.newest("m", ONE)
    assert newest is not None
    assert newest.image == A


def test_a_clean_and_tested_build_speaks_for_its_digest(store: ReleaseStore) -> None:
    clean = record(A, TWO, 2)
    store.add(record(A, ONE, 1, dirty=True))
    store.add(clean)
    store.add(record(A, TWO, 3, passed=False))
    assert store.get(A) == clean


def test_the_name_of_one_model_is_not_the_beginning_of_another(store: ReleaseStore) -> None:
    other = replace(record(A, ONE, 1), model="m-large")
    store.add(other)
    assert store.list("m") == ()
    assert store.list("m-large") == (other,)


def test_a_lost_race_for_a_number_takes_the_next_one() -> None:
    objects = FakeStore()
    key = f"releases/m/{'a' * 64}/000000.json"
    objects.faults[key] = encode_record(record(A, TWO, 1))
    mine = record(A, ONE, 2)
    assert ReleaseStore(objects).add(mine) == mine
    assert ReleaseStore(objects).list("m") == (mine, record(A, TWO, 1))


def test_a_lost_reply_is_not_a_lost_race() -> None:
    objects = FakeStore()
    objects.faults[f"releases/m/{'a' * 64}/000000.json"] = "lost-reply"
    ReleaseStore(objects).add(record(A, ONE, 1))
    assert len(objects.objects) == 1


def test_a_damaged_record_is_said_and_not_skipped() -> None:
    objects = FakeStore(objects={f"releases/m/{'a' * 64}/000000.json": b"{"})
    with pytest.raises(NeedsPerson, match="release record"):
        ReleaseStore(objects).list("m")
