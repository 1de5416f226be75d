import pytest

from towpath.core.errors import UsageError
from towpath.core.lockfile import Pin, read_lock

HASH = "sha256:" + "a" * 64


def test_pins_hashes_markers_and_continued_lines_are_read() -> None:
    text = f"""# a comment
--index-url https://index.example/simple
numpy==2.4.6 \\
    --hash={HASH} \\
    --hash={HASH}
    # via x
colorama==0.4.6 ; sys_platform == "win32" --hash={HASH}
"""
    lock = read_lock(text, "requirements.txt")
    assert lock.pins == (
        Pin(name="numpy", version="2.4.6", hashes=(HASH, HASH)),
        Pin(name="colorama", version="0.4.6", marker='sys_platform == "win32"', hashes=(HASH,)),
    )
    assert lock.options == ("--index-url", "https://index.example/simple")
    assert lock.hashed


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "numpy>=2",
        "numpy==2.*",
        "numpy~=2.0",
        "git+https://x/y",
        "./x.whl",
        "x @ https://y/z.whl",
        "numpy==1,<3",
    ],
)
def test_what_is_not_pinned_is_refused(line: str) -> None:
    with pytest.raises(UsageError, match=r"line 1: .*not pinned"):
        read_lock(line, "requirements.txt")


@pytest.mark.parametrize("line", ["-r other.txt", "-e .", "-c c.txt", "--pre", "--no-binary :all:"])
def test_lines_that_change_what_is_installed_are_refused(line: str) -> None:
    with pytest.raises(UsageError, match="line 1"):
        read_lock(line, "requirements.txt")


def test_every_bad_line_is_named_at_once_with_the_remedy() -> None:
    with pytest.raises(UsageError) as caught:
        read_lock("a==1\nb\nc>2\n\n-e .\n", "requirements.txt")
    assert caught.value.message.count("\n") == 3
    assert all(f"line {number}" in caught.value.message for number in (2, 3, 5))
    assert "uv pip compile --generate-hashes" in caught.value.hint


def test_a_package_without_a_hash_beside_ones_that_have_it_is_refused() -> None:
    with pytest.raises(UsageError, match="b==1 has no --hash"):
        read_lock(f"a==1 --hash={HASH}\nb==1\n", "requirements.txt")


def test_a_lock_without_any_hash_is_taken_and_says_so() -> None:
    assert not read_lock("a==1\n", "requirements.txt").hashed


def test_an_empty_lock_needs_nothing() -> None:
    assert read_lock("# nothing\n", "requirements.txt").pins == ()
