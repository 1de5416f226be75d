"""A project's folder: all of its files are written, or none."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from towpath.adapters.project import RealProject
from towpath.core.errors import UsageError


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Every write beyond so many bytes of a file fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_of_a_write_that_fails_half_way_neither_files_nor_folders_stay(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    project = RealProject(root=tmp_path / "project")
    files = {"a/b/small": b"x", "a/large": b"x" * 100}

    with room_for(10), pytest.raises(UsageError, match=r"a/large can't be written: .*; nothing was kept"):
        project.create(files, {})

    assert [path.name for path in tmp_path.iterdir()] == ["there"]
    project.create(files, {})
    assert (tmp_path / "project/a/large").read_bytes() == b"x" * 100


def test_a_file_that_cant_be_replaced_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"*.log")

    with room_for(10), pytest.raises(UsageError, match="nothing was kept"):
        RealProject(root=tmp_path).create({"a": b"x"}, {".gitignore": b"x" * 100})

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(".gitignore", b"*.log")]


def test_a_file_that_appeared_meanwhile_stays(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"theirs")

    with pytest.raises(UsageError, match="b can't be written: File exists"):
        RealProject(root=tmp_path).create({"a": b"x", "b": b"ours"}, {})

    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("b", b"theirs")]
