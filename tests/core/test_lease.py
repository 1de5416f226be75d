"""The lease as a fold, and what a silent heartbeat means."""

from dataclasses import asdict

import pytest

from towpath.core.journal import Draft, Entry, following
from towpath.core.lease import (
    SNAPSHOT_KEY,
    Holder,
    LeaseState,
    Pulse,
    Sign,
    busy,
    lease_of,
    lease_snapshot,
    releasing,
    sign,
    taking,
)

ANN = Holder(machine="m", host="box", pid=7, started="99", user="ann", command="promote", since=0.0)


def entries(*drafts: Draft) -> list[Entry]:
    return [following(None, draft, nonce="", time=0, actor="ann@box") for draft in drafts]


def test_a_lease_that_was_never_taken_is_free() -> None:
    assert lease_of([]) == LeaseState(fence=0, holder=None)


def test_taking_raises_the_fence_and_giving_back_keeps_it() -> None:
    taken = taking(LeaseState(), ANN, 15)
    assert lease_of(entries(taken)) == LeaseState(fence=1, holder=ANN, ttl=15)
    free = lease_of(entries(taken, releasing(1)))
    assert free == LeaseState(fence=1, holder=None)
    assert taking(free, ANN, 15).fence == 2


def test_an_outdated_holder_cant_give_back_anothers_lease() -> None:
    first, second = taking(LeaseState(), ANN, 15), taking(LeaseState(fence=1), ANN, 15)
    assert lease_of(entries(first, second, releasing(1))).holder == ANN


@pytest.mark.parametrize("state", [[], [taking(LeaseState(fence=4), ANN, 20)]], ids=["free", "taken"])
def test_a_snapshot_keeps_the_lease(state: list[Draft]) -> None:
    before = entries(*state)
    payload = {SNAPSHOT_KEY: lease_snapshot(before)}
    after = entries(Draft(kind="snapshot", payload=payload))
    assert lease_of(after) == lease_of(before)


def test_a_snapshot_without_a_lease_still_keeps_the_fence() -> None:
    assert lease_of(entries(Draft(kind="snapshot", fence=9, payload={}))).fence == 9


def test_a_holder_that_an_older_driver_wrote_is_still_a_holder() -> None:
    draft = Draft(kind="lease-taken", fence=1, payload={"holder": {"pid": "x", "host": "box"}})
    state = lease_of(entries(draft))
    assert state.holder is not None
    assert state.holder.pid == 0
    assert state.ttl == 15


@pytest.mark.parametrize(
    ("changed", "silent", "expected"),
    [
        (True, 1, Sign.LIVES),
        (True, 99, Sign.LIVES),
        (False, 0, Sign.UNSURE),
        (False, 29.9, Sign.UNSURE),
        (False, 30, Sign.STALE),
    ],
)
def test_only_twice_the_ttl_of_silence_is_stale(*, changed: bool, silent: float, expected: Sign) -> None:
    assert sign(Pulse(changed=changed, silent=silent), ttl=15) is expected


def test_busy_names_who_where_what_and_since_when() -> None:
    message = busy("prod", ANN).message
    assert message == "prod is held by ann@box (process 7, promote, since 1970-01-01T00:00:00+00:00)"


def test_a_draft_is_plain_json() -> None:
    assert taking(LeaseState(), ANN, 15).payload["holder"] == asdict(ANN)
