"""A pipeline of dev and prod in one world in memory, with the services that promote there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.fakes.inventory import WorldInventory
from tests.fakes.observer import FakeObserver, FakeProber
from tests.fakes.report import FakeReport
from tests.fakes.store import FakeStore
from tests.fakes.world import (
    World,
    WorldEngine,
    WorldFiles,
    WorldGit,
    WorldHeld,
    WorldReleases,
    WorldTraffic,
    image,
    record,
)
from towpath.app.journal import Journal, Snapshot
from towpath.app.services import Services, Watch
from towpath.core.canary_policy import CanaryPolicy
from towpath.core.contract import Canary, Endpoint, Serving
from towpath.core.errors import UsageError
from towpath.core.image import ImageSpec, ModelSpec
from towpath.core.lease import LeaseTaken
from towpath.core.outputs import StackOutputs
from towpath.core.own_metrics import OwnMetric
from towpath.core.pipeline import Environment, Model, Pipeline
from towpath.core.release import ImageRef

QUICK = CanaryPolicy(
    traffic=(25, 50), holdback=5, poll=5, min_time=20, max_time=600, min_polls=2, min_requests=10, warm_up=0, max_gap=60
)


@dataclass(kw_only=True)
class Scene:
    """One pipeline of dev and prod in one world, with its services.

    `meanwhile` is what somebody else does, once, just before the next lease is taken. `holdout` is the model's holdout
    set; None: it can't be read. `others` are further models' names.
    """

    world: World = field(default_factory=World)
    store: FakeStore = field(default_factory=FakeStore)
    report: FakeReport = field(default_factory=FakeReport)
    releases: WorldReleases = field(default_factory=WorldReleases)
    prober: FakeProber = field(default_factory=FakeProber)
    canary: CanaryPolicy | None = QUICK
    missing: set[str] = field(default_factory=set)
    holder: str = ""
    meanwhile: Callable[[], None] | None = None
    program: str = "program-1"
    train: tuple[str, ...] = ()
    holdout: tuple[str, ...] | None = ('{"row": 1}',)
    others: tuple[str, ...] = ()
    snapshot: Snapshot | None = None
    fences: int = 0
    nonces: int = 0

    def __post_init__(self) -> None:
        self.observer = FakeObserver(clock=self.world.clock)
        self.observer.stable.rate = 50
        self.observer.canary.rate = 50
        self.held: WorldHeld | None = None
        self.file_port = WorldFiles(world=self.world)

    def journal(self, environment: str) -> Journal:
        return Journal(
            store=self.store,
            clock=self.world.clock,
            environment=environment,
            actor="ada@box",
            nonces=self._nonce,
            snapshot=self.snapshot,
        )

    def services(self) -> Services:
        return Services(
            pipeline=self._pipeline(),
            clock=self.world.clock,
            report=self.report,
            engine=WorldEngine(world=self.world, overlays=self.file_port.overlays),
            files=self.file_port,
            store=self.store,
            releases=self.releases,
            images=self,
            inventory=WorldInventory(world=self.world),
            traffic=WorldTraffic(world=self.world),
            git=WorldGit(world=self.world),
            journals=self.journal,
            leases=self._lease,
            watch=self._watch,
            holdout=self._holdout,
            program=lambda: self.program,
            actor="ada@box",
        )

    def _holdout(self, model: str) -> tuple[str, ...]:
        if self.holdout is None:
            raise UsageError(f"{model}/holdout.jsonl:1: no JSON")
        return self.holdout

    def exists(self, image: ImageRef) -> bool:
        return image.digest not in self.missing

    def serve(self, stack: str, release: ImageRef | None, *, promotion: int = 0, replicas: int = 2) -> None:
        """An environment that was drawn as its file says."""
        endpoint = Endpoint(name="iris", release=release, promotion=promotion, replicas=replicas)
        self.world.files[stack] = (endpoint,)
        self.world.draw(stack, endpoint)

    def add(self, stack: str, model: str) -> None:
        """A further model, whose endpoint is in the stack's file and isn't drawn yet."""
        self.others = (*self.others, model)
        self.world.files[stack] = (*self.world.files[stack], Endpoint(name=model))

    def serve_canary(self, stack: str, release: ImageRef, *, traffic: float) -> None:
        """A candidate was drawn beside what the file says, by hand: no promotion of it is open."""
        (base,) = self.world.files[stack]
        canary = Canary(release=release, serving=base.serving, traffic=traffic, replicas=1)
        self.world.draw(stack, replace(base, canary=canary))

    def log(self, stack: str, *lines: str, canary: bool = False, later: tuple[str, ...] = ()) -> None:
        """What an arm's replicas have written, and what they write once they are followed."""
        endpoint = self.world.outputs(stack).endpoints[0]
        arm = endpoint.canary if canary else endpoint.stable
        assert arm is not None
        self.world.logged[arm.release_id], self.world.later[arm.release_id] = lines, later

    def _nonce(self) -> str:
        self.nonces += 1
        return f"nonce-{self.nonces}"

    @contextmanager
    def _lease(self, environment: str, command: str) -> Iterator[WorldHeld]:
        del command
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()
        if self.holder:
            raise LeaseTaken(f"{environment} is held by {self.holder}")
        self.fences += 1
        self.held = WorldHeld(fence=self.fences)
        yield self.held

    def _watch(
        self, stack: str, outputs: StackOutputs, endpoint: str, model: str, serving: Serving, own: Sequence[OwnMetric]
    ) -> Watch:
        del stack, outputs, endpoint, model, serving
        self.observer.watched = tuple(metric.name for metric in own)
        return Watch(observer=self.observer, prober=self.prober)

    def _pipeline(self) -> Pipeline:
        specs = [ModelSpec(name=name, folder=f"/{name}", image=ImageSpec()) for name in ("iris", *self.others)]
        return Pipeline(
            file="/deploy.toml",
            root="/",
            state="/.towpath",
            models=tuple(Model(spec=spec, train=self.train) for spec in specs),
            environments=(
                Environment(name="dev"),
                Environment(name="prod", promotes_from="dev", protected=True, canary=self.canary),
            ),
        )


def promotable(canary: CanaryPolicy | None = QUICK, snapshot: Snapshot | None = None) -> Scene:
    """Prod serves a; dev runs b, built from the same commit, which is to be promoted."""
    made = Scene(canary=canary, snapshot=snapshot)
    made.releases.records = [record("b"), record("a")]
    made.serve("dev", image("b"), promotion=1, replicas=1)
    made.serve("prod", image("a"), promotion=3)
    return made
