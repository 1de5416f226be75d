"""What `deploy init` reads from what the user has: names, pickles, imports."""

import bz2
import gzip
import io
import lzma
import pickle
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.app.test_init import start
from towpath.app.init import FromExample, FromPickle
from towpath.core import pickles
from towpath.core.errors import UsageError
from towpath.core.pickles import imported_modules, is_pickle, pickled_modules
from towpath.core.scaffold import name_from
from towpath.serving import pickled


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Model v2", "my-model-v2"),
        ("2024_model", "model"),
        ("___", "model"),
        ("x" * 60, "x" * 40),
        ("a" * 39 + "-b", "a" * 39),
    ],
)
def test_a_name_is_made_that_every_platform_takes(text: str, name: str) -> None:
    assert name_from(text) == name


def test_a_name_that_was_asked_for_is_refused_when_no_platform_takes_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'My_Model' can't name a model") as caught:
        start(tmp_path, FromExample(), name="My_Model")
    assert "my-model" in caught.value.hint


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_modules_of_a_pickle_are_read_without_loading_it(tmp_path: Path, protocol: int) -> None:
    file = tmp_path / "m.pkl"
    file.write_bytes(pickle.dumps([yaml.YAMLError, yaml.YAMLError, pytest.fail, sys.exit, "numpy"], protocol))

    with file.open("rb") as stream:
        assert pickled_modules(stream) == ("_pytest", "yaml")


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_of_any_protocol_is_one_and_half_of_it_is_none(protocol: int) -> None:
    content = pickle.dumps({"weights": list(range(999))}, protocol)
    assert is_pickle(io.BytesIO(content))
    assert is_pickle(io.BytesIO(content + b"\n"))
    assert not is_pickle(io.BytesIO(content[: len(content) // 2]))


@pytest.mark.parametrize(
    "content",
    [b"", b"\x80", b"\x80\x63.", b"hello\n", b"\x93NUMPY\x01.", b"PK\x03\x04.", b"\x8e" + b"\xff" * 7 + b"\x00."],
)
def test_other_files_are_no_pickles(content: bytes) -> None:
    assert not is_pickle(io.BytesIO(content))


@pytest.mark.parametrize("packed", [zlib.compress, gzip.compress, bz2.compress, lzma.compress])
def test_what_joblib_compressed_is_a_pickle_that_needs_joblib(tmp_path: Path, packed: Callable[[bytes], bytes]) -> None:
    (tmp_path / "m.pkl").write_bytes(packed(pickle.dumps([1])))

    done = start(tmp_path / "p", FromPickle(model=str(tmp_path / "m.pkl")))

    assert "m.pkl is compressed, so what it needs can't be read" in "\n".join(done.remarks)
    assert "joblib" in "\n".join(done.remarks)


def test_init_and_the_kit_take_the_same_files_for_compressed() -> None:
    assert pickles.COMPRESSED == pickled.COMPRESSED


def test_what_is_no_pickle_names_no_modules(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"\x80\x04not a pickle")

    with (tmp_path / "m.pkl").open("rb") as stream:
        assert pickled_modules(stream) == ()


def test_imports_of_a_file_are_its_foreign_ones() -> None:
    source = "import os, numpy.linalg\nfrom sklearn import svm\nfrom . import own\nfrom towpath.serving import Inputs\n"

    assert imported_modules(source) == ("numpy", "sklearn")
    assert imported_modules("def (") == ()
