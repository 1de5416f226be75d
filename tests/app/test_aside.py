import threading

import pytest

from towpath.app.aside import aside, begun
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


def test_work_that_was_begun_goes_on_until_its_result_is_asked_for() -> None:
    go = threading.Event()
    result = begun(lambda: go.wait(10))
    assert not result.done()
    go.set()
    assert result.result()
    with pytest.raises(Missing, match="no Go"):
        begun(failing).result()
