"""Real and fake time keep the same promises."""

import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.fakes.clock import FakeClock
from towpath.adapters.clock import SystemClock, ThreadTicker
from towpath.core.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Callable


def test_an_interrupt_ends_a_wait_at_once() -> None:
    clock = SystemClock()
    threading.Timer(0.05, clock.stop.set).start()
    began = time.monotonic()
    with pytest.raises(Interrupted):
        clock.sleep(30)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("clock", [SystemClock(), FakeClock()], ids=["real", "fake"])
def test_time_passes_by_what_was_slept(clock: SystemClock | FakeClock) -> None:
    wall, steady = clock.now(), clock.monotonic()
    clock.sleep(0.02)
    assert clock.monotonic() - steady >= 0.019
    assert clock.now() - wall >= 0.015


def test_a_ticker_runs_until_it_is_ended() -> None:
    ticks: list[int] = []
    twice = threading.Event()

    def action() -> None:
        ticks.append(1)
        if len(ticks) == 2:
            twice.set()

    end = ThreadTicker().every(0.01, action)
    assert twice.wait(timeout=10)
    end()
    seen = len(ticks)
    assert not threading.Event().wait(0.05)
    assert len(ticks) == seen


def test_a_tick_can_end_its_own_ticker() -> None:
    ended = threading.Event()
    ends: list[Callable[[], None]] = []

    def action() -> None:
        ends[0]()
        ended.set()

    ends.append(ThreadTicker().every(0.05, action))
    assert ended.wait(timeout=10)


def test_the_fake_clock_ticks_on_the_way() -> None:
    clock = FakeClock(time=0.0)
    seen: list[float] = []
    end = clock.every(5, lambda: seen.append(clock.now()))
    clock.sleep(12)
    end()
    clock.sleep(12)
    assert seen == [5, 10]
    assert clock.now() == 24
