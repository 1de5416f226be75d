"""What runs in a world in memory, and what it wrote."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.fakes.world import World
from towpath.app.ports import Running
from towpath.core.consumption import Usage
from towpath.core.outputs import ArmOutput


@dataclass(kw_only=True)
class WorldInventory:
    """What runs is what was drawn, unless the world says otherwise."""

    world: World

    def running(self, instance: str, stack: str) -> tuple[Running, ...]:
        del instance
        runs = self.world.runs or (lambda replica: (replica,))
        return tuple(
            replica
            for endpoint in self.world.outputs(stack).endpoints
            for arm in (endpoint.stable, endpoint.canary)
            if arm is not None
            for drawn in _replicas(endpoint.name, arm)
            for replica in runs(drawn)
        )

    def logs(self, instance: str, stack: str, release_id: str, *, follow: bool, tail: int) -> Iterator[str]:
        del instance, stack
        lines = self.world.logged.get(release_id, ())
        return iter((*lines[max(0, len(lines) - tail) :], *(self.world.later.get(release_id, ()) if follow else ())))

    def usage(self, instance: str, stack: str) -> tuple[Usage, ...]:
        now = self.world.clock.now()
        return tuple(
            Usage(
                release_id=one.release_id,
                name=one.name,
                at=now,
                cpu_seconds=self.world.cores * now,
                memory_bytes=100 * 2**20,
            )
            for one in self.running(instance, stack)
        )


def _replicas(endpoint: str, arm: ArmOutput) -> tuple[Running, ...]:
    return tuple(
        Running(
            endpoint=endpoint,
            release_id=arm.release_id,
            digest=arm.release.digest,
            name=f"{endpoint}-{arm.release_id}-{i}",
            ready=True,
        )
        for i in range(arm.replicas)
    )
