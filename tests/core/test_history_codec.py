"""What a journal amounts to when one of its entries says what none can say."""

import pytest

from tests.core.test_promotion import CANARY
from towpath.core.errors import NeedsPerson
from towpath.core.history import Kind
from towpath.core.history_codec import KEY, history_of
from towpath.core.journal import JSON, SNAPSHOT, Draft, Entry, Link, encode, follow, following
from towpath.core.plan_codec import plan_to_json

OPENED: dict[str, JSON] = {"plan": plan_to_json(CANARY), "policy": {}}


def journal(*said: tuple[str, dict[str, JSON]]) -> list[Entry]:
    """Entries as they are read back from the store."""
    links: list[Link] = []
    for kind, payload in said:
        last, draft = links[-1] if links else None, Draft(kind=kind, promotion=CANARY.id, payload=payload)
        entry = following(last, draft, nonce=str(len(links)), time=1, actor="ada@box")
        links.append(follow(last, encode(entry), "prod"))
    return [link.entry for link in links if link.entry is not None]


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        (Kind.CLOSED, {}),
        (Kind.CLOSED, {"outcome": "vanished"}),
        (Kind.OPENED, {}),
        (Kind.OPENED, {"plan": [], "policy": {}}),
        (Kind.STEP_DONE, {"step": 99}),
        (Kind.STEP_DONE, {"step": "first"}),
        (Kind.ROLLING_BACK, {"outcome": "rolled back"}),
        (SNAPSHOT, {}),
        (SNAPSHOT, {KEY: {"open": None}}),
    ],
)
def test_an_entry_with_another_kinds_payload_is_named_and_needs_a_person(kind: str, payload: dict[str, JSON]) -> None:
    with pytest.raises(NeedsPerson, match=rf"journal entry journal/prod/00000002\.json is no {kind}") as caught:
        history_of(journal((Kind.OPENED, OPENED), (kind, payload)))
    assert "restore the state from a backup" in caught.value.hint


def test_what_a_snapshot_stands_for_is_not_read() -> None:
    empty: dict[str, JSON] = {KEY: {"open": None, "closed": [], "bad": [], "last_id": 7}}
    assert history_of(journal((Kind.OPENED, {}), (SNAPSHOT, empty))).last_id == 7
