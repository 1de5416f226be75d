"""Which replicas an endpoint's config asks for, and which share of requests each arm gets."""

from dataclasses import dataclass

from towpath.core.contract import Endpoint, Serving, canary_weights, cluster_name, probe_cluster_name, release_id
from towpath.core.outputs import ArmOutput
from towpath.core.release import ImageRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Arm:
    """One release of an endpoint as it is placed.

    Attributes:
        role: stable or canary; decides traffic, and no replica knows it.
        release: the image.
        release_id: identity on the platform.
        serving: how its replicas look.
        replicas: how many.
        weight: its share of live requests, out of `TRAFFIC_TOTAL`.
        traffic: the same, as declared, in percent.
        cluster: the router's name for its live requests.
        probe_cluster: the router's name for its probe requests.
    """

    role: str
    release: ImageRef
    release_id: str
    serving: Serving
    replicas: int
    weight: int
    traffic: float
    cluster: str
    probe_cluster: str

    def output(self) -> ArmOutput:
        """What the stack says of it."""
        return ArmOutput(
            release=self.release,
            release_id=self.release_id,
            cluster=self.cluster,
            probe_cluster=self.probe_cluster,
            replicas=self.replicas,
            traffic=self.traffic,
        )


def arms(endpoint: Endpoint) -> tuple[Arm, ...]:
    """Stable first, then the canary; whichever the config has."""
    stable_weight, canary_weight = canary_weights(endpoint)
    placed = []
    canary = endpoint.canary
    if endpoint.release is not None:
        meanwhile = endpoint.replicas if canary is None else canary.stable_replicas
        replicas = endpoint.replicas if meanwhile is None else meanwhile
        placed.append(_arm(endpoint.name, "stable", endpoint.release, endpoint.serving, replicas, stable_weight))
    if canary is not None:
        placed.append(_arm(endpoint.name, "canary", canary.release, canary.serving, canary.replicas, canary_weight))
    return tuple(placed)


def _arm(endpoint: str, role: str, release: ImageRef, serving: Serving, replicas: int, weight: int) -> Arm:
    identity = release_id(endpoint, release, serving)
    return Arm(
        role=role,
        release=release,
        release_id=identity,
        serving=serving,
        replicas=replicas,
        weight=weight,
        traffic=weight / 100,
        cluster=cluster_name(endpoint, identity),
        probe_cluster=probe_cluster_name(endpoint, identity),
    )
