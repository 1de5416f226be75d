import os
import stat
import threading
from pathlib import Path

import pytest

from towpath.adapters.toolchain.cache import key_of, locked, made_once, write_whole
from towpath.core.errors import Busy


def test_a_key_changes_with_every_part_and_with_where_parts_end() -> None:
    keys = {key_of(parts) for parts in (["ab", "c"], ["a", "bc"], ["abc"], ["ab", "c", ""], ["ab", "d"])}
    assert len(keys) == 5
    assert key_of(["ab", b"c"]) == key_of([b"ab", "c"])


def test_a_folder_is_made_once(tmp_path: Path) -> None:
    made: list[Path] = []

    def make(place: Path) -> None:
        made.append(place)
        (place / "file").write_text("x")

    for _ in range(2):
        assert (made_once(tmp_path / "thing", make) / "file").read_text() == "x"
    assert len(made) == 1


def test_two_makers_at_once_make_it_once(tmp_path: Path) -> None:
    made: list[Path] = []
    both = threading.Barrier(2)

    def make(place: Path) -> None:
        made.append(place)
        (place / "file").write_text("x")

    def maker() -> None:
        both.wait(10)
        made_once(tmp_path / "thing", make)

    threads = [threading.Thread(target=maker) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(made) == 1


def test_a_maker_that_fails_leaves_nothing_and_may_be_tried_again(tmp_path: Path) -> None:
    def fail(place: Path) -> None:
        (place / "half").write_text("x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made_once(tmp_path / "thing", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]
    assert made_once(tmp_path / "thing", lambda _: None).is_dir()


def test_a_held_lock_names_its_holder(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock", wait=False),
        pytest.raises(Busy, match=str(os.getpid())),
        locked(tmp_path / "lock", wait=False),
    ):
        pytest.fail("taken twice")
    with locked(tmp_path / "lock", wait=False):
        pass


def test_a_file_is_replaced_whole_and_private_from_the_start(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_whole(path, b"one", 0o600)
    write_whole(path, b"two", 0o600)
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]
