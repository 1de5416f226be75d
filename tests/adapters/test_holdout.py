"""What probes ask, read from a model's holdout set."""

from pathlib import Path

import pytest

from towpath.adapters.holdout import read_rows
from towpath.core.errors import UsageError


def test_rows_are_the_lines_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"
    assert read_rows(file) == ()
    file.write_text('{"a": 1}\n\n[2]\n')
    assert read_rows(file) == ('{"a": 1}', "[2]")


def test_a_row_that_is_no_json_is_named(tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"
    file.write_text('{"a": 1}\n{"a":\n')
    with pytest.raises(UsageError, match=r"holdout\.jsonl:2: "):
        read_rows(file)


def test_a_row_ends_where_its_line_does_and_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"
    rows = ('{"a": "one\u2028row\u0085"}', "[2]")
    file.write_bytes("\r\n".join((*rows, "")).encode())
    assert read_rows(file) == rows


def test_a_row_that_is_no_utf_8_is_named(tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"
    file.write_bytes(b'{"a": 1}\n{"a": "\xfc"}\n')
    with pytest.raises(UsageError, match=r"holdout\.jsonl:2: .*utf-8"):
        read_rows(file)


def test_a_holdout_set_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    file = tmp_path / "holdout.jsonl"
    file.symlink_to(file)
    with pytest.raises(UsageError, match=r"holdout\.jsonl can't be read"):
        read_rows(file)
