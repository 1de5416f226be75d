"""Release records as JSON: written once, read by every later version, refused by an older one."""

import json
from typing import Any

from towpath.core.errors import NeedsPerson, UsageError
from towpath.core.inputs import Feature
from towpath.core.release import ReleaseRecord, TestResult, parse_image

FORMAT = 1


def encode_record(record: ReleaseRecord) -> bytes:
    """The record as JSON, indented for people."""
    document = {
        "format": FORMAT,
        "image": str(record.image),
        "model": record.model,
        "commit": record.commit,
        "dirty": record.dirty,
        "built_at": record.built_at,
        "builder": record.builder,
        "platform": record.platform,
        "base": record.base,
        "hashes": record.hashes,
        "metrics": record.metrics,
        "tests": {
            "passed": record.tests.passed,
            "command": list(record.tests.command),
            "summary": record.tests.summary,
        },
        "created_by": record.created_by,
        "features": [
            [one.input, one.name, " ".join(map(repr, one.cuts)), " ".join(map(str, one.trained))]
            for one in record.features
        ],  # in words, for a number a line would bury the rest
    }
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def decode_record(content: bytes, where: str) -> ReleaseRecord:
    """The record in these bytes; `where` names it in messages.

    Raises:
        UsageError: written by a newer version of Towpath.
        NeedsPerson: not a record at all.
    """
    try:
        document = json.loads(content)
        written = document["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(where) from error
    if not isinstance(written, int) or written > FORMAT:
        raise UsageError(
            f"release record {where} has format {written}; this version of Towpath reads up to {FORMAT}",
            "update Towpath here: a newer version wrote this record",
        )
    try:
        return _record(document)
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise _damaged(where) from error


def _damaged(where: str) -> NeedsPerson:
    return NeedsPerson(
        f"release record {where} can't be read", "restore it from a backup of the state, or remove it and build again"
    )


def _record(document: dict[str, Any]) -> ReleaseRecord:
    tests = document["tests"]
    return ReleaseRecord(
        image=parse_image(document["image"]),
        model=document["model"],
        commit=document["commit"],
        dirty=bool(document["dirty"]),
        built_at=document["built_at"],
        builder=document["builder"],
        platform=document["platform"],
        base=document["base"],
        hashes=dict(document["hashes"]),
        metrics={name: float(value) for name, value in document["metrics"].items()},
        tests=TestResult(passed=bool(tests["passed"]), command=tuple(tests["command"]), summary=tests["summary"]),
        created_by=document["created_by"],
        features=tuple(_feature(*one) for one in document.get("features", ())),
    )


def _feature(tensor: str, name: str, cuts: str, trained: str) -> Feature:
    return Feature(
        input=tensor,
        name=name,
        cuts=tuple(map(float, cuts.split())),
        trained=tuple(map(int, trained.split())),
    )
