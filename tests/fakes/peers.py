"""Drivers of several machines, in memory."""

from dataclasses import dataclass, field

from towpath.core.lease import Holder


@dataclass(kw_only=True)
class FakePeers:
    """One process on one machine; `running` is what its machine shows of its own processes."""

    machine: str = "m1"
    pid: int = 100
    running: set[int] = field(default_factory=set)
    engines: dict[int, int] = field(default_factory=dict)  # pid: how many more looks until its engine is gone

    def me(self, command: str, since: float) -> Holder:
        self.running.add(self.pid)
        return Holder(
            machine=self.machine,
            host=f"host-{self.machine}",
            pid=self.pid,
            started="1",
            user="ann",
            command=command,
            since=since,
        )

    def alive(self, holder: Holder) -> bool | None:
        return holder.pid in self.running if holder.machine == self.machine else None

    def engines_gone(self, holder: Holder) -> bool:
        left = self.engines.get(holder.pid, 0)
        self.engines[holder.pid] = left - 1
        return left <= 0
