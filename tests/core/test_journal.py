"""The journal's format and chain."""

import hashlib
import json
from dataclasses import replace

import pytest

from towpath.core.errors import NeedsPerson, Refused
from towpath.core.journal import (
    Draft,
    Entry,
    Link,
    encode,
    entry_key,
    entry_seq,
    follow,
    following,
    nonce_of,
    resume_at,
    since_snapshot,
)


def grow(last: Link | None, kind: str = "noted") -> tuple[Entry, bytes]:
    draft = Draft(kind=kind, promotion=7, fence=3, payload={"b": [1, 2.5, None], "a": {"ä": True}})
    entry = following(last, draft, nonce=f"n{last.seq if last else 0}", time=12.3456, actor="ann@box")
    return entry, encode(entry)


def chain(length: int) -> list[Link]:
    links: list[Link] = []
    for _ in range(length):
        last = links[-1] if links else None
        links.append(follow(last, grow(last)[1], "prod"))
    return links


def test_an_entry_survives_its_encoding() -> None:
    entry, raw = grow(None)
    assert follow(None, raw, "prod").entry == entry
    assert entry.time == 12.346


def test_bytes_that_are_nested_too_deeply_are_no_entry() -> None:
    assert follow(None, b"[" * 100_000, "prod").entry is None


def test_the_bytes_are_canonical_and_carry_the_format() -> None:
    _, raw = grow(None)
    assert raw == json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    assert json.loads(raw)["format"] == 1


def test_each_entry_names_the_bytes_of_the_one_before() -> None:
    links = chain(2)
    _, first = grow(None)
    assert links[1].entry is not None
    assert links[1].entry.previous == hashlib.sha256(first).hexdigest() == links[0].sha256
    assert links[0].entry is not None
    assert links[0].entry.previous == ""


def test_a_changed_entry_is_found_and_named() -> None:
    links = chain(2)
    _, third = grow(links[1])
    changed = follow(links[0], grow(links[0])[1].replace(b"ann@box", b"eve@box"), "prod")
    with pytest.raises(NeedsPerson, match=r"journal/prod/00000003\.json was not written after journal/prod/00000002"):
        follow(changed, third, "prod")


def test_an_entry_under_another_number_is_found() -> None:
    links = chain(3)
    _, fourth = grow(links[2])
    with pytest.raises(NeedsPerson, match=r"00000003\.json says it is number 4"):
        follow(links[1], fourth, "prod")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"format":1}',
        b'{"format":"1"}',
        b'{"seq":1}',
        encode(replace(grow(None)[0], promotion=True)),
    ],
)
def test_bytes_that_are_no_entry_are_void_and_their_hash_is_chained(raw: bytes) -> None:
    void = follow(None, raw, "prod")
    assert void.entry is None
    entry, after = grow(void)
    assert entry.seq == 2
    assert follow(void, after, "prod").entry == entry
    assert entry.previous == hashlib.sha256(raw).hexdigest()


def test_a_newer_format_is_refused_by_name() -> None:
    _, raw = grow(None)
    newer = raw.replace(b'"format":1', b'"format":2')
    with pytest.raises(Refused, match=r"journal/prod/00000001\.json has format 2") as caught:
        follow(None, newer, "prod")
    assert "upgrade" in caught.value.hint


def test_a_chain_can_begin_at_a_snapshot_only() -> None:
    links = chain(99)
    entry, raw = grow(links[-1], "snapshot")
    assert resume_at(raw, 100, "prod") == Link(seq=100, sha256=hashlib.sha256(raw).hexdigest(), entry=entry)
    assert resume_at(grow(links[-1])[1], 100, "prod") is None
    assert resume_at(b"torn", 100, "prod") is None
    assert resume_at(raw, 200, "prod") is None


def test_what_is_folded_begins_at_the_newest_snapshot() -> None:
    links = chain(2)
    assert [entry.seq for entry in since_snapshot(links)] == [1, 2]
    for kind in ("snapshot", "noted", "snapshot", "noted"):
        links.append(follow(links[-1], grow(links[-1], kind)[1], "prod"))
    links.append(follow(links[-1], b"void", "prod"))
    assert [(entry.seq, entry.kind) for entry in since_snapshot(links)] == [(5, "snapshot"), (6, "noted")]


def test_keys_sort_as_numbers_do() -> None:
    assert entry_key("prod", 12) == "journal/prod/00000012.json"
    assert entry_seq("journal/prod/00000012.json") == 12
    assert entry_seq("journal/prod/notes.json") is None
    assert entry_seq("journal/prod/00000012") is None


def test_the_nonce_is_read_from_any_entry_that_has_one() -> None:
    assert nonce_of(grow(None)[1]) == "n0"
    assert nonce_of(b"{") is None
    assert nonce_of(b'{"nonce":1}') is None


def test_a_payload_that_is_no_json_is_a_bug_at_once() -> None:
    entry, _ = grow(None)
    with pytest.raises(ValueError, match="Out of range"):
        encode(replace(entry, payload={"x": float("nan")}))
