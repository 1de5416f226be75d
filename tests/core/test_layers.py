import hashlib
import io
import tarfile

from hypothesis import given
from hypothesis import strategies as st

from towpath.core.layers import (
    END,
    MOST_LAYERS,
    OWN_LAYER,
    Entry,
    headers,
    ignored,
    padding,
    split_weights,
    tar_size,
    tree_hash,
)

names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=120).filter(
    lambda name: name not in {".", ".."}
)
entries = st.lists(
    st.builds(Entry, path=st.builds(lambda *parts: "/".join(parts), st.just("app"), names), size=st.integers(0, 2000)),
    max_size=8,
)


def tar_of(files: list[Entry]) -> bytes:
    pieces = []
    for header, entry in headers(files):
        pieces += [header] if entry is None else [header, b"x" * entry.size, padding(entry.size)]
    return b"".join([*pieces, END])


@given(entries)
def test_a_tar_has_the_size_that_was_foretold_and_depends_on_no_order(files: list[Entry]) -> None:
    unique = list({entry.path: entry for entry in files}.values())
    tar = tar_of(unique)
    assert len(tar) == tar_size(unique)
    assert tar_of(unique[::-1]) == tar
    with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
        found = {member.name: member.size for member in archive if member.isfile()}
    assert found == {entry.path: entry.size for entry in unique}


def test_every_folder_is_written_out_and_nothing_of_this_machine_is() -> None:
    files = [Entry(path="opt/a/b.py", size=0), Entry(path="opt/a/run", size=0, executable=True)]
    with tarfile.open(fileobj=io.BytesIO(tar_of([*files, Entry(path="opt/link", size=0, link="a/b.py")]))) as archive:
        members = archive.getmembers()
    assert [member.name for member in members] == ["opt", "opt/a", "opt/a/b.py", "opt/a/run", "opt/link"]
    assert {(member.mtime, member.uid, member.gid, member.uname, member.gname) for member in members} == {
        (0, 0, 0, "", "")
    }
    assert [oct(member.mode) for member in members] == ["0o755", "0o755", "0o644", "0o755", "0o777"]


def test_a_file_of_more_than_eight_gigabytes_has_a_header() -> None:
    huge = Entry(path="app/weights", size=9 * 2**30)
    assert tar_size([huge]) > huge.size


def test_bytecode_and_repositories_never_enter_an_image() -> None:
    assert all(map(ignored, ("a/__pycache__/x.pyc", ".git/HEAD", "a/b.pyc", ".env", "x.egg-info/PKG-INFO")))
    assert not any(map(ignored, ("a/git/HEAD", "environment.py", "py/c.py")))


def test_a_large_weights_file_has_a_layer_of_its_own() -> None:
    small = [Entry(path=f"w/{name}", size=10) for name in "ca"]
    large = [Entry(path=f"w/{name}", size=OWN_LAYER) for name in "db"]
    parts = split_weights([*small, *large])
    assert [[entry.path for entry in part] for part in parts] == [["w/a", "w/c"], ["w/b"], ["w/d"]]
    assert split_weights([]) == ()


@given(st.integers(0, 200), st.booleans())
def test_weights_of_any_number_of_files_fit_the_layers_an_engine_takes(count: int, with_small: bool) -> None:  # noqa: FBT001
    files = [Entry(path=f"w/{number:03}", size=OWN_LAYER) for number in range(count)]
    small = [Entry(path="w/small", size=1)] if with_small else []
    parts = split_weights([*files, *small])
    assert len(parts) <= MOST_LAYERS
    assert sorted(entry.path for part in parts for entry in part) == sorted(e.path for e in [*files, *small])


def test_a_tree_hash_is_what_sha256sum_of_sha256sum_says() -> None:
    one, two = (hashlib.sha256(text).hexdigest() for text in (b"1", b"2"))
    assert tree_hash([("b", two), ("a", one)]) == hashlib.sha256(f"{one}  a\n{two}  b\n".encode()).hexdigest()
    assert tree_hash([("b", two)]) == two
