import json
from dataclasses import replace

import pytest

from towpath.core.errors import NeedsPerson, UsageError
from towpath.core.inputs import Feature
from towpath.core.records import decode_record, encode_record
from towpath.core.release import ImageRef, ReleaseRecord, TestResult

RECORD = ReleaseRecord(
    image=ImageRef(repository="localhost:5055/m", digest="sha256:" + "a" * 64),
    model="m",
    commit="b" * 40,
    dirty=False,
    built_at="2026-11-21T10:00:00Z",
    builder="layers",
    platform="linux/amd64",
    base="python3.11@sha256:x",
    hashes={"lock": "1", "weights": "2"},
    metrics={"auc": 0.99},
    tests=TestResult(passed=True, command=("pytest", "-q"), summary="12 passed"),
    created_by="me@here",
    features=(Feature(input="x", name="mean radius", cuts=(0.1, 1e-300), trained=(1, 0, 2)),),
)


def test_a_record_reads_back_what_was_written() -> None:
    assert decode_record(encode_record(RECORD), "here") == RECORD


def test_a_record_from_before_training_data_was_kept_has_none() -> None:
    document = json.loads(encode_record(RECORD))
    del document["features"]
    assert decode_record(json.dumps(document).encode(), "here") == replace(RECORD, features=())


def test_a_record_of_a_newer_version_is_refused_by_name() -> None:
    document = {**json.loads(encode_record(RECORD)), "format": 2, "image": {"new": "shape"}}
    with pytest.raises(UsageError, match="here has format 2") as caught:
        decode_record(json.dumps(document).encode(), "here")
    assert "update Towpath" in caught.value.hint


@pytest.mark.parametrize("missing", ["format", "image", "tests", "metrics", "commit"])
def test_a_record_that_lacks_something_is_damaged(missing: str) -> None:
    document = json.loads(encode_record(RECORD))
    del document[missing]
    with pytest.raises(NeedsPerson, match="release record here can't be read"):
        decode_record(json.dumps(document).encode(), "here")


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"\xff", b'{"format": "one"}'])
def test_what_is_no_record_is_no_success(content: bytes) -> None:
    with pytest.raises((NeedsPerson, UsageError), match="here"):
        decode_record(content, "here")


def test_the_same_record_is_always_the_same_bytes() -> None:
    other = replace(RECORD, hashes=dict(reversed(RECORD.hashes.items())))
    assert encode_record(other) == encode_record(RECORD)
