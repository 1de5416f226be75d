"""What every object store promises, on the fake, on files and on S3."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3
from moto.server import ThreadedMotoServer

from tests.fakes.store import FakeStore
from towpath.adapters.store import FileStore, open_store
from towpath.app.ports import ObjectStore
from towpath.core.errors import Missing, NeedsPerson, UsageError

S3_OPTIONS: dict[str, Any] = {
    "region": "us-east-1",
    "access_key_id": "test",
    "secret_access_key": "test",
    "client_options": {"allow_http": True, "timeout": timedelta(seconds=5)},
    "retry_config": {"max_retries": 0, "retry_timeout": timedelta(seconds=1)},
}


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    with urllib3.PoolManager() as http:
        http.request("PUT", f"{url}/state", retries=False)
    yield url
    server.stop()


@pytest.fixture(params=["fake", "files", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    if request.param == "fake":
        return FakeStore()
    if request.param == "files":
        return open_store(str(tmp_path / "state"))
    url: str = request.getfixturevalue("s3_url")
    return open_store(f"s3://state/{tmp_path.name}", {**S3_OPTIONS, "endpoint": url})


def test_the_first_to_create_wins_and_the_object_stays(store: ObjectStore) -> None:
    assert store.create("journal/prod/1.json", b"one") is True
    assert store.create("journal/prod/1.json", b"two") is False
    assert store.get("journal/prod/1.json") == b"one"


def test_what_isnt_there_is_none(store: ObjectStore) -> None:
    assert store.get("journal/prod/1.json") is None
    assert store.etag("heartbeats/prod.json") is None
    assert store.keys("journal/") == ()


def test_every_put_has_an_etag_of_its_own(store: ObjectStore) -> None:
    first = store.put("heartbeats/prod.json", b"1")
    assert store.etag("heartbeats/prod.json") == first
    second = store.put("heartbeats/prod.json", b"2")
    assert second != first
    assert store.etag("heartbeats/prod.json") == second
    assert store.get("heartbeats/prod.json") == b"2"


def test_keys_come_sorted_and_only_under_the_prefix(store: ObjectStore) -> None:
    for key in ("journal/prod/2.json", "journal/prod/1.json", "journal/prod-eu/1.json", "releases/a.json"):
        store.create(key, b"x")
    assert store.keys("journal/prod/") == ("journal/prod/1.json", "journal/prod/2.json")
    assert store.keys("journal/prod") == ("journal/prod-eu/1.json", "journal/prod/1.json", "journal/prod/2.json")
    assert len(store.keys("")) == 4


def test_of_many_who_create_at_once_exactly_one_wins(store: ObjectStore) -> None:
    won: list[bytes] = []
    start = threading.Barrier(8)

    def create(data: bytes) -> None:
        start.wait(timeout=10)
        if store.create("journal/prod/1.json", data):
            won.append(data)

    threads = [threading.Thread(target=create, args=(bytes([number]) * 1000,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert len(won) == 1
    assert store.get("journal/prod/1.json") == won[0]


@pytest.mark.parametrize("key", ["../x", "/etc/x", "a/../b", "a//b", ".hidden", "a/.b", "a b", "", "a/", "ä"])
def test_an_unsafe_key_never_reaches_the_disk(tmp_path: Path, key: str) -> None:
    store = FileStore(root=tmp_path / "state")
    for attempt in (lambda: store.create(key, b""), lambda: store.put(key, b""), lambda: store.get(key)):
        with pytest.raises(UsageError, match="can't be a key"):
            attempt()
    assert list(tmp_path.iterdir()) == []


def test_files_leave_no_temporary_behind(tmp_path: Path) -> None:
    store = FileStore(root=tmp_path)
    store.create("a/1.json", b"x")
    store.create("a/1.json", b"y")
    store.put("a/2.json", b"z")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["1.json", "2.json"]


def test_what_a_crash_left_half_written_is_no_object(tmp_path: Path) -> None:
    store = FileStore(root=tmp_path)
    store.create("a/1.json", b"x")
    (tmp_path / "a/.2.json.abc").write_bytes(b"half")
    assert store.keys("a/") == ("a/1.json",)
    assert store.get("a/2.json") is None


def test_a_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    store = FileStore(root=tmp_path / "state")
    with pytest.raises(NeedsPerson, match=r"the state at .*state/a/1\.json can't be read or written"):
        store.create("a/1.json", b"x")


@pytest.mark.parametrize("where", ["ftp://x/y", "http://x/y", "s3:///x"])
def test_a_url_that_cant_hold_the_state_is_refused(where: str) -> None:
    with pytest.raises(UsageError, match="the state can't be at"):
        open_store(where)


def test_a_bucket_that_doesnt_answer_is_named() -> None:
    store = open_store("s3://state/x", {**S3_OPTIONS, "endpoint": "http://127.0.0.1:9"})
    with pytest.raises(NeedsPerson, match="the state at s3://state/x can't be reached"):
        store.create("a", b"x")


def test_a_bucket_that_isnt_there_is_named(s3_url: str) -> None:
    store = open_store("s3://no-such-bucket", {**S3_OPTIONS, "endpoint": s3_url})
    with pytest.raises(Missing, match="there is no bucket at s3://no-such-bucket"):
        store.create("a", b"x")
