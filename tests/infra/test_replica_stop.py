"""How long Docker waits for a replica that leaves."""

from typing import Any

from infra.docker.replica import ReplicaProvider
from towpath.serving import prediction_log, server


class Leaving:
    """The one container of a Docker client, and the client."""

    def __init__(self) -> None:
        self.containers = self
        self.did: list[str] = []
        self.waited = 0.0

    def get(self, name: str) -> "Leaving":
        self.did.append(f"get {name}")
        return self

    def stop(self, timeout: float) -> None:
        self.did.append("stop")
        self.waited = timeout

    def remove(self, **_: bool) -> None:
        self.did.append("remove")


def test_a_replica_that_leaves_is_given_its_drain_time_and_the_time_to_say_what_it_cut() -> None:
    client: Any = Leaving()
    ReplicaProvider().remove(client, "r", {"drain": 15.0})
    assert client.did == ["get r", "stop", "remove"]
    assert client.waited > 15 + server._GRACE_SECONDS + 2 * prediction_log._LAST_SECONDS + 0.5
