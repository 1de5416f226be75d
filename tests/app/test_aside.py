import threading

import pytest

from towpath.app.aside import Later, aside
from towpath.core.errors import Missing


def never() -> None:
    pytest.fail("nothing to stop")


def failing() -> int:
    raise Missing("no Go")


def test_the_result_is_there_once_it_is_asked_for() -> None:
    go = threading.Event()
    with aside(lambda: go.wait(10), never) as result:
        assert not result.done()
        go.set()
        assert result.result()


def test_what_went_wrong_comes_out_where_the_result_is_asked_for() -> None:
    stopped: list[bool] = []
    with pytest.raises(Missing, match="no Go"), aside(failing, lambda: stopped.append(True)) as result:
        result.result()
    assert stopped == [True]


def test_a_block_that_is_interrupted_stops_the_work_and_waits_for_it() -> None:
    told, cleared = threading.Event(), threading.Event()

    def work() -> None:
        told.wait(10)
        cleared.set()

    with pytest.raises(KeyboardInterrupt), aside(work, told.set):
        raise KeyboardInterrupt
    assert cleared.is_set()


def test_work_for_later_is_done_once_from_when_it_is_begun() -> None:
    go, begun = threading.Event(), list[bool]()

    def work() -> bool:
        begun.append(True)
        return go.wait(10)

    later = Later(work)
    assert not begun
    later.begin()
    later.begin()
    go.set()
    assert later.result()
    assert later.result()
    assert begun == [True]


def test_of_work_for_later_that_shares_its_turns_one_is_done_at_a_time() -> None:
    first, second = threading.Event(), threading.Event()
    turns, at_once = threading.Lock(), list[bool]()

    def work() -> None:
        first.set()
        at_once.append(second.wait(0.05))  # the other one can't have begun

    works = [Later(work, turns), Later(second.set, turns)]
    works[0].begin()
    assert first.wait(10)
    works[1].result()
    assert at_once == [False]


def test_work_for_later_begins_where_it_is_asked_for_and_fails_there() -> None:
    with pytest.raises(Missing, match="no Go"):
        Later(failing).result()
