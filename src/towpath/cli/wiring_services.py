"""Real things for promotions."""

import secrets
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from towpath.adapters.clock import ThreadTicker
from towpath.adapters.engine import EngineProgram, PulumiEngine
from towpath.adapters.git import GitCheckout
from towpath.adapters.inventory_docker import DockerInventory, docker_sdk
from towpath.adapters.peers import DRIVER_VARIABLE, LocalPeers
from towpath.adapters.project import program_hash
from towpath.adapters.stack_files import YamlStackFiles
from towpath.app.aside import Later
from towpath.app.destroy import PLATFORM
from towpath.app.journal import Journal
from towpath.app.lease import Leases
from towpath.app.ports import Images, Inventory, Traffic
from towpath.app.services import Held, Services
from towpath.core.errors import Refused
from towpath.core.history_codec import snapshot

if TYPE_CHECKING:
    from towpath.cli.wiring import RealWorld
    from towpath.cli.wiring_watch import Watches

T = TypeVar("T")


def promotion_services(world: "RealWorld") -> Services:
    """Everything that moving and looking at releases needs."""
    root, journals = Path(world.pipeline().root), _journals(world)
    imports = threading.Lock()  # threads that import libraries which import each other may lock each other out
    sdk = Later(docker_sdk, imports)
    inventory = DockerInventory(world.instance.docker_host, sdk.result)
    watch = Later(partial(_watches, world, inventory), imports)
    images, traffic = Later(partial(_images, world), imports), Later(partial(_traffic, world), imports)
    engine = pulumi_engine(world, partial(_begin, watch, images, traffic, sdk), imports)
    return Services(
        pipeline=world.pipeline(),
        clock=world.clock,
        report=world.report,
        engine=engine,
        files=YamlStackFiles(project=root),
        store=world.store,
        releases=world.releases(),
        images=_standing_for(images),
        inventory=inventory,
        traffic=_standing_for(traffic),
        git=GitCheckout(root, world.programs),
        journals=journals,
        leases=_leases(world, engine, journals),
        watch=_standing_for(watch),
        holdout=world.holdout,
        program=lambda: program_hash(root),
        actor=world.actor,
    )


def _begin(*needed: Later[Any]) -> None:
    """Import what comes after the engine's first run while that goes on."""
    for one in needed:
        one.begin()


def _images(world: "RealWorld") -> Images:
    from towpath.cli.wiring_registry import registry_client

    return registry_client(world)


def _traffic(world: "RealWorld") -> Traffic:
    from towpath.adapters.traffic_envoy import EnvoyTraffic

    return EnvoyTraffic(world.clock)


def _watches(world: "RealWorld", inventory: Inventory) -> "Watches":
    from towpath.cli.wiring_watch import Watches

    return Watches(world, inventory)


def pulumi_engine(
    world: "RealWorld",
    beside: Callable[[], object] = lambda: None,
    imports: AbstractContextManager[object] | None = None,
) -> PulumiEngine:
    """The engine that setup chose, in the environment of the command and under this driver's mark.

    `beside` is done once, while its first preview or change goes on; `imports` is held while the SDK is imported.
    """
    engine = world.instance.engine
    environment = {**world.env, **world.engine_environment(), DRIVER_VARIABLE: LocalPeers().mark()}
    program = EngineProgram(pulumi=engine.pulumi, version=engine.version, environment=environment)
    return PulumiEngine(Path(world.pipeline().root), program, world.processes, world.report, beside, imports)


def platform_registry(world: "RealWorld") -> str:
    """The registry that the platform's stack exports.

    Raises:
        Refused: the platform isn't drawn yet.
    """
    registry = pulumi_engine(world).outputs(PLATFORM).registry
    if not registry:
        raise Refused(
            "the platform isn't drawn yet, so there is no registry to push to",
            f'draw it: eval "$(deploy shellenv)"; pulumi stack init {PLATFORM}; pulumi up -s {PLATFORM}',
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


class _StandIn:
    """Has what an adapter has, which is made once it is used."""

    def __init__(self, adapter: Later[Any]) -> None:
        self._adapter = adapter

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the adapter has
        return getattr(self._adapter.result(), name)

    def __call__(self, *asked: object) -> Any:  # noqa: ANN401 - as above
        return self._adapter.result()(*asked)


def _standing_for(adapter: Later[T]) -> T:
    return cast("T", _StandIn(adapter))
