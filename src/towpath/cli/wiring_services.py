"""Real things for promotions."""

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from towpath.adapters.clock import ThreadTicker
from towpath.adapters.engine import EngineProgram, PulumiEngine
from towpath.adapters.envoy_metrics import Clusters, EnvoyObserver
from towpath.adapters.git import GitCheckout
from towpath.adapters.inventory_docker import DockerInventory, docker_sdk
from towpath.adapters.model_metrics import ModelMetrics, ModelReplica
from towpath.adapters.own_metrics import OwnMetrics
from towpath.adapters.peers import DRIVER_VARIABLE, LocalPeers
from towpath.adapters.probe import HttpProber, read_rows
from towpath.adapters.project import program_hash
from towpath.adapters.prometheus import Prometheus
from towpath.adapters.stack_files import YamlStackFiles
from towpath.adapters.traffic_envoy import EnvoyTraffic
from towpath.app.aside import begun
from towpath.app.destroy import PLATFORM
from towpath.app.journal import Journal
from towpath.app.lease import Leases
from towpath.app.ports import Inventory
from towpath.app.services import Held, Services, Watch
from towpath.cli.wiring_registry import registry_client
from towpath.core.contract import Serving
from towpath.core.errors import Refused
from towpath.core.history_codec import snapshot
from towpath.core.outputs import ArmOutput, EndpointOutput, StackOutputs
from towpath.core.own_metrics import OwnMetric

if TYPE_CHECKING:
    from towpath.cli.wiring import RealWorld
    from towpath.core.tallies import Arm

_HOLDOUT = "holdout.jsonl"


def promotion_services(world: "RealWorld", *, draws: bool) -> Services:
    """Everything that moving and looking at releases needs."""
    root, engine = Path(world.pipeline().root), pulumi_engine(world)
    sdk = begun(partial(_load, engine.load)).result if draws else None
    inventory = DockerInventory(world.instance.docker_host, sdk)
    journals = _journals(world)
    return Services(
        pipeline=world.pipeline(),
        clock=world.clock,
        report=world.report,
        engine=engine,
        files=YamlStackFiles(project=root),
        store=world.store,
        releases=world.releases(),
        images=registry_client(world),
        inventory=inventory,
        traffic=EnvoyTraffic(world.clock),
        git=GitCheckout(root, world.programs),
        journals=journals,
        leases=_leases(world, engine, journals),
        watch=_Watches(world, inventory),
        program=lambda: program_hash(root),
        actor=world.actor,
    )


def _load(engine: Callable[[], None]) -> ModuleType:
    """Import both SDKs beside the main thread, where no Ctrl-C breaks an import in two.

    One after the other: the engine's first run begins the sooner, and the other is mostly imported while that runs.
    """
    with suppress(Exception):  # whoever runs the engine gets it, in the words for it
        engine()
    return docker_sdk()


def pulumi_engine(world: "RealWorld") -> PulumiEngine:
    """The engine that setup chose, in the environment of the command and under this driver's mark."""
    engine = world.instance.engine
    environment = {**world.env, **world.engine_environment(), DRIVER_VARIABLE: LocalPeers().mark()}
    program = EngineProgram(pulumi=engine.pulumi, version=engine.version, environment=environment)
    return PulumiEngine(Path(world.pipeline().root), program, world.processes, world.report)


def platform_registry(world: "RealWorld") -> str:
    """The registry that the platform's stack exports.

    Raises:
        Refused: the platform isn't drawn yet.
    """
    registry = pulumi_engine(world).outputs(PLATFORM).registry
    if not registry:
        raise Refused(
            "the platform isn't drawn yet, so there is no registry to push to",
            f'draw it: eval "$(deploy shellenv)"; pulumi up -s {PLATFORM}',
        )
    return registry


def _journals(world: "RealWorld") -> Callable[[str], Journal]:
    def journal(environment: str) -> Journal:
        return Journal(
            store=world.store,
            clock=world.clock,
            environment=environment,
            actor=world.actor,
            nonces=lambda: secrets.token_hex(16),
            snapshot=snapshot,
        )

    return journal


def _leases(
    world: "RealWorld", engine: PulumiEngine, journals: Callable[[str], Journal]
) -> Callable[[str, str], AbstractContextManager[Held]]:
    leases = Leases(
        store=world.store,
        clock=world.clock,
        ticker=ThreadTicker(),
        peers=LocalPeers(),
        report=world.report,
        stop_engine=engine.interrupt,
        mend=engine.unlock,
    )
    return lambda environment, command: leases.hold(journals(environment), command)


class _Watches:
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
            rows=self._rows(model),
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

    def _rows(self, model: str) -> tuple[str, ...]:
        return read_rows(Path(self._world.pipeline().model(model).spec.folder) / _HOLDOUT)


def _clusters(drawn: EndpointOutput) -> Clusters:
    stable, canary = drawn.stable, drawn.canary
    return Clusters(
        stable="" if stable is None else stable.cluster,
        canary="" if canary is None else canary.cluster,
        probe_stable="" if stable is None else stable.probe_cluster,
        probe_canary="" if canary is None else canary.probe_cluster,
    )
