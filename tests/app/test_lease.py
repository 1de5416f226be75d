"""Leases among drivers that live, die, hang and come back."""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.peers import FakePeers
from tests.fakes.report import FakeReport
from tests.fakes.store import FakeStore
from towpath.app.journal import Journal
from towpath.app.lease import Lease, LeaseLost, Leases, heartbeat_key
from towpath.core.errors import Busy, NeedsPerson
from towpath.core.journal import Draft
from towpath.core.lease import lease_of

_NONCES = itertools.count()


@dataclass(kw_only=True)
class Driver:
    """One driver process with a clock of its own unless one is shared."""

    store: FakeStore
    clock: FakeClock
    peers: FakePeers = field(default_factory=FakePeers)
    report: FakeReport = field(default_factory=FakeReport)
    stopped: list[float] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    mend: Callable[[str], None] | None = None

    def journal(self) -> Journal:
        return Journal(
            store=self.store,
            clock=self.clock,
            environment="prod",
            actor=f"ann@{self.peers.machine}",
            nonces=lambda: f"n{next(_NONCES)}",
        )

    def hold(self) -> AbstractContextManager[Lease]:
        return self.leases().hold(self.journal(), "promote")

    def leases(self) -> Leases:
        return Leases(
            store=self.store,
            clock=self.clock,
            ticker=self.clock,
            peers=self.peers,
            report=self.report,
            stop_engine=lambda: self.stopped.append(self.clock.time),
            mend=self.mend or self.mended.append,
        )


def driver(store: FakeStore, machine: str = "m1", clock: FakeClock | None = None) -> Driver:
    return Driver(store=store, clock=clock or FakeClock(), peers=FakePeers(machine=machine, pid=hash(machine) % 1000))


def killed(victim: Driver) -> Lease:
    """A lease whose holder was killed: no tick and nothing of its ending ran."""
    lease = victim.leases()._take(victim.journal(), "promote")
    victim.peers.running.clear()
    return lease


def test_a_free_lease_is_taken_and_given_back() -> None:
    ann = driver(FakeStore())
    with ann.hold() as lease:
        lease.check()
        assert lease.fence == 1
        assert lease.took_over is None
        state = lease_of(ann.journal().entries())
        assert state.holder is not None
        assert state.holder.host == "host-m1"
    assert lease_of(ann.journal().entries()).holder is None
    with ann.hold() as lease:
        assert lease.fence == 2
    assert ann.mended == []


def test_it_is_given_back_however_the_block_ends() -> None:
    ann = driver(FakeStore())
    with pytest.raises(KeyError), ann.hold():
        raise KeyError
    assert lease_of(ann.journal().entries()).holder is None


def test_the_heartbeat_changes_every_third_of_the_ttl() -> None:
    store, seen = FakeStore(), []
    ann = driver(store)
    with ann.hold() as lease:
        for _ in range(7):
            seen.append(store.etag(heartbeat_key("prod")))
            ann.clock.sleep(5)
            lease.check()
    assert len(set(seen)) == 7
    last = store.etag(heartbeat_key("prod"))
    ann.clock.sleep(60)
    assert store.etag(heartbeat_key("prod")) == last


def test_a_living_holder_on_this_machine_is_busy_at_once() -> None:
    store = FakeStore()
    ann, bob = driver(store), driver(store)
    bob.peers.running = ann.peers.running
    with ann.hold(), pytest.raises(Busy, match=r"prod is held by ann@host-m1 \(process \d+, promote, since 20"):
        bob.hold().__enter__()
    assert bob.clock.slept == []


def test_a_living_holder_elsewhere_is_busy_within_one_heartbeat() -> None:
    store, clock = FakeStore(), FakeClock()
    ann, bob = driver(store, "m1", clock), driver(store, "m2", clock)
    with ann.hold():
        began = clock.time
        with pytest.raises(Busy, match="host-m1"):
            bob.hold().__enter__()
        assert clock.time - began <= 15 / 3 + 1


def test_a_holder_that_gives_back_while_watched_is_followed_at_once() -> None:
    store, clock = FakeStore(), FakeClock()
    ann, bob = driver(store, "m1", clock), driver(store, "m2", clock)
    hold = ann.hold()
    hold.__enter__()
    clock.at(2.5, partial(ended, hold))
    began = clock.time
    with bob.hold() as lease:
        assert lease.fence == 2
        assert lease.took_over is None
        assert clock.time - began == 3
    assert bob.mended == []


def test_a_dead_holder_on_this_machine_is_followed_without_a_wait() -> None:
    store = FakeStore()
    ann, bob = driver(store), driver(store)
    killed(ann)
    with bob.hold() as lease:
        assert lease.fence == 2
        assert lease.took_over is not None
        assert bob.clock.slept == []
        assert bob.mended == ["prod"]
        assert "took over prod from ann@host-m1" in bob.report.lines[0]


def test_a_dead_driver_is_not_followed_before_its_engine_is_gone() -> None:
    store = FakeStore()
    ann, bob = driver(store), driver(store)
    killed(ann)
    bob.peers.engines = {ann.peers.pid: 3}
    with bob.hold():
        assert bob.clock.slept == [1, 1, 1]


def test_an_engine_that_never_ends_keeps_everyone_out() -> None:
    store = FakeStore()
    ann, bob = driver(store), driver(store)
    killed(ann)
    bob.peers.engines = {ann.peers.pid: 10_000}
    with pytest.raises(Busy, match=r"the engine that ann@host-m1 .* started still runs"):
        bob.hold().__enter__()
    assert lease_of(bob.journal().entries()).fence == 1


def test_a_silent_holder_elsewhere_is_followed_after_twice_its_ttl() -> None:
    store = FakeStore()
    ann, bob = driver(store, "m1"), driver(store, "m2")
    killed(ann)
    with bob.hold() as lease:
        assert lease.took_over is not None
        assert sum(bob.clock.slept) == 30
        assert bob.mended == ["prod"]


def test_the_watch_uses_the_contenders_own_clock() -> None:
    store = FakeStore()
    ann = driver(store, "m1", FakeClock(time=9_000_000_000.0))
    bob = driver(store, "m2")
    killed(ann)
    with bob.hold():
        assert sum(bob.clock.slept) == 30


def test_of_two_who_take_over_one_wins_and_the_other_is_told_who() -> None:
    store = FakeStore()
    ann, bob, eve = driver(store, "m1"), driver(store, "m2"), driver(store, "m1")
    killed(ann)

    def eve_first(operation: str, key: str) -> None:
        if operation == "create" and key.endswith("00000002.json"):
            store.before = None
            killed(eve)

    store.before = eve_first
    with pytest.raises(Busy, match="prod is held by ann@host-m1"):
        bob.hold().__enter__()
    assert lease_of(bob.journal().entries()).fence == 2
    assert bob.mended == []


def test_a_holder_that_cant_renew_stops_its_engine_before_anyone_may_follow() -> None:
    store = FakeStore()
    ann = driver(store)
    with ann.hold() as lease:
        began = ann.clock.time
        store.before = unreachable
        ann.clock.sleep(40)
        assert len(ann.stopped) == 1
        assert ann.stopped[0] - began <= 15 / 2 + 1
        with pytest.raises(LeaseLost, match=r"prod was lost: it could not be renewed for \d+\.\d s") as caught:
            lease.check()
        assert caught.value.exit_code == 130
        store.before = None
        with pytest.raises(LeaseLost):
            lease.check()
    assert lease_of(ann.journal().entries()).holder is not None


def test_a_short_outage_of_the_store_is_survived() -> None:
    store = FakeStore()
    ann = driver(store)
    with ann.hold() as lease:
        ann.clock.sleep(4)
        store.before = unreachable
        ann.clock.sleep(2)
        store.before = None
        ann.clock.sleep(10)
        lease.check()
    assert ann.stopped == []


def test_a_stopped_process_that_wakes_up_finds_its_lease_gone() -> None:
    store = FakeStore()
    ann, bob = driver(store, "m1"), driver(store, "m2")
    with ann.hold() as lease:
        ann.clock.frozen = True
        ann.clock.sleep(100)
        with bob.hold() as followed:
            assert followed.fence == 2
            with pytest.raises(LeaseLost):
                lease.check()
            assert len(ann.stopped) == 1
            followed.check()


def test_who_was_replaced_is_told_by_whom_and_can_write_nothing_more() -> None:
    store = FakeStore()
    ann, bob = driver(store, "m1"), driver(store, "m2")
    lease = killed(ann)
    with bob.hold():
        with pytest.raises(Busy, match="held by ann@host-m2"):
            lease.check()
        draft = Draft(kind="noted", fence=lease.fence, payload={})
        with pytest.raises(Busy, match="taken over by ann@m2; noted was not written"):
            ann.journal().append(lambda _: draft)
        assert len(ann.stopped) == 1


def test_a_failed_mend_leaves_the_lease_to_be_taken_over_again() -> None:
    store = FakeStore()
    ann, bob, eve = driver(store), driver(store), driver(store)
    killed(ann)
    bob.mend = fail
    with pytest.raises(NeedsPerson, match="no engine"):
        bob.hold().__enter__()
    bob.peers.running.clear()
    with eve.hold() as lease:
        assert lease.fence == 3
        assert eve.mended == ["prod"]


def test_a_store_that_fails_at_the_end_doesnt_undo_a_success() -> None:
    store = FakeStore()
    ann = driver(store)
    with ann.hold():
        store.before = unreachable
    assert "could not be given back" in ann.report.lines[0]


def ended(hold: AbstractContextManager[Lease]) -> None:
    hold.__exit__(None, None, None)


def unreachable(_operation: str, _key: str) -> None:
    raise NeedsPerson("the state can't be reached")


def fail(_environment: str) -> None:
    raise NeedsPerson("no engine")
