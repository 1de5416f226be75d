"""Admission: how many requests may be under way."""

from concurrent.futures import Future

import pytest

from towpath.serving.slots import Overloaded, Slots


def begun() -> Future[None]:
    work: Future[None] = Future()
    work.set_running_or_notify_cancel()
    return work


def full(slots: Slots) -> bool:
    try:
        with slots:
            return False
    except Overloaded:
        return True


def test_who_finds_no_slot_is_refused_and_takes_none() -> None:
    slots = Slots(2)
    with slots, slots:
        for _ in range(2):
            with pytest.raises(Overloaded), slots:
                pass
    assert not full(slots)


def test_work_that_nobody_waits_for_takes_a_slot_until_it_ends() -> None:
    slots, work = Slots(1), begun()
    slots.abandon(work)
    assert full(slots)
    work.set_result(None)
    assert not full(slots)


def test_work_that_has_not_begun_is_called_off() -> None:
    slots, work = Slots(1), Future[None]()
    slots.abandon(work)
    assert work.cancelled()
    assert not full(slots)
