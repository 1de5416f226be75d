"""Hashes are remembered only while nothing can have changed."""

import io
import os
from pathlib import Path
from typing import IO

import pytest

from tests.fakes.clock import FakeClock
from towpath.adapters.builders.files import Content, contents
from towpath.adapters.builders.hashes import SETTLED, HashCache
from towpath.core.errors import Refused
from towpath.core.layers import Entry


class Watched:
    """A layer of one file that counts how often it is read."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.reads = 0

    def layer(self) -> tuple[Content, ...]:
        (content,) = contents([("w", self.file)], "app")
        return (Content(entry=content.entry, open=self._open, file=self.file),)

    def _open(self) -> IO[bytes]:
        self.reads += 1
        return self.file.open("rb")


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    file = tmp_path / "w"
    file.write_bytes(b"w" * 1000)
    return Watched(file)


def cache_at(tmp_path: Path, watched: Watched, age: float) -> HashCache:
    return HashCache(tmp_path / "state" / "hashes.json", FakeClock(time=watched.file.stat().st_ctime + age))


def test_an_unchanged_file_is_read_once(tmp_path: Path, watched: Watched) -> None:
    first = cache_at(tmp_path, watched, 10).hashed(watched.layer())
    assert cache_at(tmp_path, watched, 99).hashed(watched.layer()) == first
    assert watched.reads == 1


def test_a_file_that_was_just_written_is_read_again(tmp_path: Path, watched: Watched) -> None:
    for _ in range(2):
        cache_at(tmp_path, watched, SETTLED / 2).hashed(watched.layer())
    assert watched.reads == 2


def test_a_changed_file_of_the_same_size_and_time_is_read_again(tmp_path: Path, watched: Watched) -> None:
    before = cache_at(tmp_path, watched, 10).hashed(watched.layer())
    state = watched.file.stat()
    watched.file.write_bytes(b"v" * 1000)
    os.utime(watched.file, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert cache_at(tmp_path, watched, 10).hashed(watched.layer()) != before


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 99, "layers": {}}', b'{"format": 1}'])
def test_a_damaged_cache_costs_time_and_nothing_else(tmp_path: Path, watched: Watched, damage: bytes) -> None:
    first = cache_at(tmp_path, watched, 10).hashed(watched.layer())
    (tmp_path / "state" / "hashes.json").write_bytes(damage)
    assert cache_at(tmp_path, watched, 10).hashed(watched.layer()) == first


@pytest.mark.parametrize("content", [b"short", b"much longer than it was"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, watched: Watched, content: bytes) -> None:
    entry = Entry(path="app/w", size=10)
    layer = (Content(entry=entry, open=lambda: io.BytesIO(content), file=watched.file),)
    with pytest.raises(Refused, match="changed while the image was made"):
        cache_at(tmp_path, watched, 10).hashed(layer)
