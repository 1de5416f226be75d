"""Taking, keeping and giving back the right to act on an environment.

The journal says who holds it; a heartbeat object that only the holder writes says whether that one still lives.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from towpath.app.journal import Journal
from towpath.app.ports import Clock, ObjectStore, Report
from towpath.core.errors import Busy, Interrupted, TowpathError
from towpath.core.journal import canonical
from towpath.core.lease import DEFAULT_TTL, Holder, LeaseState, Pulse, Sign, busy, lease_of, releasing, sign, taking

ENGINE_WAIT: Final = 60.0  # seconds a dead driver's engine gets to end; its guard kills it long before
_POLL: Final = 1.0
_CHECKS_PER_TTL: Final = 15


class Ticker(Protocol):
    """Runs something beside whatever the driver is doing."""

    def every(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Run `action` every so many seconds, each ticker on its own; gives back what ends it."""


class Peers(Protocol):
    """Drivers as processes, as far as this machine can see them."""

    def me(self, command: str, since: float) -> Holder:
        """This process, as a holder."""

    def alive(self, holder: Holder) -> bool | None:
        """Whether that process still runs; None where this machine can't know."""

    def engines_gone(self, holder: Holder) -> bool:
        """Whether nothing that driver started is left, as far as this machine can see."""


class LeaseLost(Interrupted):
    """The lease could not be renewed in time; the engine was stopped and nothing more may be done under it."""


@dataclass(kw_only=True, slots=True)
class Lease:
    """A lease that is held, and kept by two tickers: one renews, one watches that renewing works.

    Attributes:
        environment: what it is for.
        fence: the number that voids outdated holders.
        took_over: the dead holder it was taken from; absent when it was free.
    """

    environment: str
    fence: int
    took_over: Holder | None
    _terms: "Leases"
    _journal: Journal
    _renewed: float
    _beats: int = 0
    _lost: str = ""
    _losing: threading.Lock = field(default_factory=threading.Lock)

    def check(self) -> None:
        """Make sure, right before an effect, that the right to act is still ours.

        Raises:
            LeaseLost: it could not be renewed in time.
            Busy: somebody else took it over.
        """
        self._watch()
        if self._lost:
            raise LeaseLost(
                f"the lease of {self.environment} was lost: {self._lost}; the engine was stopped",
                f"`deploy resume {self.environment}` goes on",
            )
        state = lease_of(self._journal.entries())
        if state.fence != self.fence:
            self._lose("somebody else took it over")
            raise _taken_over(self.environment, state)

    def renew(self) -> None:
        """Write the heartbeat; a failure shows in `check` once it has lasted for half the TTL."""
        begun = self._terms.clock.monotonic()
        if self._lost:
            return
        beat = canonical({"format": 1, "fence": self.fence, "beat": self._beats})
        try:
            self._terms.store.put(heartbeat_key(self.environment), beat)
        except TowpathError:
            return
        self._beats += 1
        self._renewed = begun

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew every third of the TTL, sooner after a failure, and stop the engine when that doesn't work."""
        often = self._terms.ttl / _CHECKS_PER_TTL
        ends = [self._terms.ticker.every(often, self._renew_if_due), self._terms.ticker.every(often, self._watch)]
        try:
            yield
        finally:
            for end in ends:
                end()

    def give_back(self) -> None:
        """Let others have it at once; a lost one is left alone."""
        if self._lost:
            return
        try:
            self._journal.append(lambda entries: releasing(self.fence) if self._ours(lease_of(entries)) else None)
        except TowpathError as error:
            self._terms.report.line(
                f"the lease of {self.environment} could not be given back, it ends by itself: {error.message}"
            )

    def _ours(self, state: LeaseState) -> bool:
        return state.fence == self.fence and state.holder is not None

    def _renew_if_due(self) -> None:
        if self._age() >= self._terms.ttl / 3:
            self.renew()

    def _watch(self) -> None:
        if self._age() > self._terms.ttl / 2:
            self._lose(f"it could not be renewed for {self._age():.1f} s")

    def _age(self) -> float:
        return self._terms.clock.monotonic() - self._renewed

    def _lose(self, reason: str) -> None:
        with self._losing:
            first, self._lost = not self._lost, self._lost or reason
        if first:
            self._terms.stop_engine()


@dataclass(frozen=True, kw_only=True, slots=True)
class Leases:
    """Takes leases.

    Attributes:
        store: where heartbeats are; the journal's.
        stop_engine: ends the engine run under way, if any; called from another thread when the lease is lost.
        mend: called with the environment after it was taken from a dead holder, before anything else is done.
        ttl: seconds without a heartbeat after which a holder counts as stale.
    """

    store: ObjectStore
    clock: Clock
    ticker: Ticker
    peers: Peers
    report: Report
    stop_engine: Callable[[], None]
    mend: Callable[[str], None]
    ttl: float = DEFAULT_TTL

    @contextmanager
    def hold(self, journal: Journal, command: str) -> Iterator[Lease]:
        """Take the environment's lease, keep it within the block, and give it back at its end, however that ends.

        A free lease, or one whose holder is known to be dead, is taken at once. A holder that can't be seen from here
        is watched: Busy as soon as its heartbeat changes, taken over when it hasn't for twice its TTL.

        Raises:
            Busy: somebody holds it; the message says who, where, what for and since when.
        """
        lease = self._take(journal, command)
        with lease.kept():
            if lease.took_over is not None:
                self._mend(lease, lease.took_over)  # a failure here leaves the lease taken: whoever is next mends
            try:
                yield lease
            finally:
                lease.give_back()

    def _mend(self, lease: Lease, dead: Holder) -> None:
        self.report.line(f"took over {lease.environment} from {dead}, which is gone")
        self.mend(lease.environment)
        lease.check()

    def _take(self, journal: Journal, command: str) -> Lease:
        state = lease_of(journal.entries())
        while state.holder is not None and not self._gone(journal, state, state.holder):
            state = lease_of(journal.entries())
        begun = self.clock.monotonic()
        draft = taking(state, self.peers.me(command, self.clock.now()), self.ttl)
        if journal.append(lambda entries: draft if lease_of(entries) == state else None) is None:
            raise _taken_over(journal.environment, lease_of(journal.entries()))
        lease = Lease(
            environment=journal.environment,
            fence=draft.fence,
            took_over=state.holder,
            _terms=self,
            _journal=journal,
            _renewed=begun,
        )
        lease.renew()
        return lease

    def _gone(self, journal: Journal, state: LeaseState, holder: Holder) -> bool:
        """True once the holder is surely dead, false when the lease changed meanwhile, Busy when it lives."""
        alive = self.peers.alive(holder)
        if alive:
            raise busy(journal.environment, holder)
        if alive is None and not self._watched_to_death(journal, state, holder):
            return False
        self._await_engine(holder)
        return True

    def _watched_to_death(self, journal: Journal, state: LeaseState, holder: Holder) -> bool:
        key = heartbeat_key(journal.environment)
        first, begun = self.store.etag(key), self.clock.monotonic()
        with self.report.progress(f"looking whether {holder} still lives (up to {2 * state.ttl:.0f} s)"):
            while True:
                self.clock.sleep(_POLL)
                pulse = Pulse(changed=self.store.etag(key) != first, silent=self.clock.monotonic() - begun)
                if lease_of(journal.entries()) != state:
                    return False
                verdict = sign(pulse, state.ttl)
                if verdict is Sign.LIVES:
                    raise busy(journal.environment, holder)
                if verdict is Sign.STALE:
                    return True

    def _await_engine(self, holder: Holder) -> None:
        deadline = self.clock.monotonic() + ENGINE_WAIT
        while not self.peers.engines_gone(holder):
            if self.clock.monotonic() > deadline:
                raise Busy(f"the engine that {holder} started still runs", "end it, then try again")
            self.clock.sleep(_POLL)


def heartbeat_key(environment: str) -> str:
    """Where the holder's heartbeat is."""
    return f"heartbeats/{environment}.json"


def _taken_over(environment: str, state: LeaseState) -> Busy:
    if state.holder is not None:
        taken = busy(environment, state.holder)
        return Busy(taken.message, taken.hint)  # no LeaseTaken: that one is for who never had it
    return Busy(f"{environment} was taken and given back by somebody else meanwhile", "try again")
