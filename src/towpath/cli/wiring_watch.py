"""Eyes on endpoints; their libraries take a while to import, so this is imported once they are used."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from towpath.adapters.envoy_metrics import Clusters, EnvoyObserver
from towpath.adapters.model_metrics import ModelMetrics, ModelReplica
from towpath.adapters.own_metrics import OwnMetrics
from towpath.adapters.probe import HttpProber
from towpath.adapters.prometheus import Prometheus
from towpath.app.ports import Inventory
from towpath.app.services import Watch
from towpath.core.contract import Serving
from towpath.core.errors import Refused
from towpath.core.outputs import ArmOutput, EndpointOutput, StackOutputs
from towpath.core.own_metrics import OwnMetric

if TYPE_CHECKING:
    from towpath.cli.wiring import RealWorld
    from towpath.core.tallies import Arm


class Watches:
    """Eyes and hands on endpoints."""

    def __init__(self, world: "RealWorld", inventory: Inventory) -> None:
        self._world = world
        self._inventory = inventory

    def __call__(
        self,
        stack: str,
        outputs: StackOutputs,
        endpoint: str,
        model: str,
        serving: Serving,
        own: Sequence[OwnMetric],
    ) -> Watch:
        """Eyes and hands on one endpoint as it was drawn."""
        drawn = outputs.endpoint(endpoint)
        if drawn is None:
            raise Refused(f"there is no endpoint {endpoint} to look at", "deploy status says what stands")
        observer = EnvoyObserver(
            outputs.routers,
            _clusters(drawn),
            lambda: self._replicas(stack, outputs.instance, drawn, serving.port),
            ModelMetrics(outputs.routers, own=self._own(own, stack, drawn)),
            self._world.clock,
        )
        smoke = serving.probes.smoke
        prober = HttpProber(
            url=drawn.url,
            path=f"/v2/models/{model}/infer" if smoke is None else smoke.path,
            rows=lambda: self._world.holdout(model),
            smoke=smoke,
            clock=self._world.clock,
        )
        return Watch(observer=observer, prober=prober)

    def _replicas(self, stack: str, instance: str, drawn: EndpointOutput, port: int) -> list[ModelReplica]:
        """Those that are ready, of both arms."""
        arms: tuple[tuple[Arm, ArmOutput | None], ...] = (("stable", drawn.stable), ("canary", drawn.canary))
        by_release = {arm.release_id: name for name, arm in arms if arm is not None}
        return [
            ModelReplica(
                name=one.name,
                arm=by_release[one.release_id],
                address=f"{one.address}:{port}" if one.address else "",
            )
            for one in self._inventory.running(instance, stack)
            if one.ready and one.release_id in by_release
        ]

    def _own(self, metrics: Sequence[OwnMetric], stack: str, drawn: EndpointOutput) -> OwnMetrics:
        arms: tuple[tuple[Arm, ArmOutput | None], ...] = (("stable", drawn.stable), ("canary", drawn.canary))
        meant = {
            name: {"release": arm.release_id, "arm": name, "endpoint": drawn.name, "stack": stack}
            for name, arm in arms
            if arm is not None
        }
        return OwnMetrics(metrics, meant, Prometheus(self._world.env))


def _clusters(drawn: EndpointOutput) -> Clusters:
    stable, canary = drawn.stable, drawn.canary
    return Clusters(
        stable="" if stable is None else stable.cluster,
        canary="" if canary is None else canary.cluster,
        probe_stable="" if stable is None else stable.probe_cluster,
        probe_canary="" if canary is None else canary.probe_cluster,
    )
