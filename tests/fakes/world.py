"""A whole world in memory: stacks, routers and replicas that agree with one another, behind the ports."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from tests.fakes.clock import FakeClock
from towpath.app.ports import Change, Overlay, Running, StackFile
from towpath.core.contract import (
    Endpoint,
    cluster_name,
    drawn_hash,
    probe_cluster_name,
    release_id,
    resource_name,
)
from towpath.core.errors import Busy, NeedsPerson, UsageError
from towpath.core.outputs import ArmOutput, EndpointOutput, RouterOutput, StackOutputs
from towpath.core.release import ImageRef, ReleaseRecord, TestResult


def image(digit: str) -> ImageRef:
    """A release that is told by one hex digit."""
    return ImageRef(repository="localhost:5055/iris", digest="sha256:" + digit * 64)


def record(digit: str, *, commit: str = "c" * 40, dirty: bool = False, passed: bool = True) -> ReleaseRecord:
    return ReleaseRecord(
        image=image(digit),
        model="iris",
        commit=commit,
        dirty=dirty,
        built_at="2026-01-01T00:00:00Z",
        builder="layers",
        platform="linux/amd64",
        base="",
        tests=TestResult(passed=passed, command=("pytest",), summary="3 passed" if passed else "1 failed"),
        created_by="ada@box",
    )


@dataclass(kw_only=True)
class World:
    """What is drawn, what is written, and what can go wrong.

    `before_up` is called with the stack and what is about to be drawn; it may raise, or act as somebody else would.
    `runs` is what the platform has in place of one replica that was drawn. `logged` are log lines by release id, and
    `later` those that come once they are followed. `cores` is what every replica keeps busy. `uncommittable` is why
    Git refuses to commit.
    """

    clock: FakeClock = field(default_factory=FakeClock)
    drawn: dict[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    files: dict[str, tuple[Endpoint, ...]] = field(default_factory=dict)
    edits: dict[str, int] = field(default_factory=dict)
    ups: list[tuple[str, Endpoint, tuple[str, ...]]] = field(default_factory=list)
    before_up: Callable[[str, Endpoint], None] | None = None
    stuck_traffic: float | None = None
    runs: Callable[[Running], tuple[Running, ...]] | None = None
    interrupts: int = 0
    published: dict[str, str] = field(default_factory=dict)
    uncommittable: str = ""
    messages: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)
    logged: dict[str, tuple[str, ...]] = field(default_factory=dict)
    later: dict[str, tuple[str, ...]] = field(default_factory=dict)
    cores: float = 0.25

    def draw(self, stack: str, endpoint: Endpoint) -> None:
        """Somebody draws a stack, the driver or a person."""
        self.drawn[stack] = (endpoint,)

    def outputs(self, stack: str) -> StackOutputs:
        endpoints = self.drawn.get(stack)
        if endpoints is None:
            return StackOutputs()
        return StackOutputs(
            drawn=drawn_hash(endpoints),
            endpoints=tuple(_endpoint_output(endpoint) for endpoint in endpoints),
            routers=(RouterOutput(name="router-0", url="http://127.0.0.1:1", stats="http://127.0.0.1:2"),),
            instance="0badcafe",
            registry="localhost:5055",
            provider="docker",
        )

    def file(self, stack: str) -> StackFile:
        endpoints = self.files[stack]
        text = f"{self.edits.get(stack, 0)} {endpoints!r}"
        return StackFile(
            environment=stack,
            path=f"Pulumi.{stack}.yaml",
            sha256=drawn_hash(endpoints) + str(self.edits.get(stack, 0)),
            text=text,
            endpoints=endpoints,
        )


def _endpoint_output(endpoint: Endpoint) -> EndpointOutput:
    stable = None
    if endpoint.release is not None:
        share = 0 if endpoint.canary is None else endpoint.canary.traffic
        stable = _arm(endpoint, endpoint.release, endpoint.replicas, 100 - share)
    canary = None
    if endpoint.canary is not None:
        canary = _arm(endpoint, endpoint.canary.release, endpoint.canary.replicas, endpoint.canary.traffic)
    return EndpointOutput(
        name=endpoint.name, url="http://127.0.0.1:1", promotion=endpoint.promotion, stable=stable, canary=canary
    )


def _arm(endpoint: Endpoint, release: ImageRef, replicas: int, traffic: float) -> ArmOutput:
    identity = release_id(endpoint.name, release, endpoint.serving)
    return ArmOutput(
        release=release,
        release_id=identity,
        cluster=cluster_name(endpoint.name, identity),
        probe_cluster=probe_cluster_name(endpoint.name, identity),
        replicas=replicas,
        traffic=traffic,
    )


@dataclass(kw_only=True)
class WorldEngine:
    """Draws into the world; an overlay's path is its key."""

    world: World
    overlays: dict[str, Endpoint]

    def preview(self, stack: str, config: Overlay) -> tuple[Change, ...]:
        wanted = self._wanted(stack, config)
        if self.world.drawn.get(stack) == (wanted,):
            return ()
        name = resource_name(wanted.name, "route")
        own = Change(urn=f"urn:pulumi:{stack}::towpath::x::{name}", name=name, type="x", operation="update")
        return (own,)

    def up(self, stack: str, config: Overlay, *, targets: Sequence[str] = ()) -> StackOutputs:
        wanted = self._wanted(stack, config)
        if self.world.before_up is not None:
            self.world.before_up(stack, wanted)
        self.world.ups.append((stack, wanted, tuple(targets)))
        self.world.draw(stack, wanted)
        self.world.clock.advance(2)
        return self.world.outputs(stack)

    def outputs(self, stack: str) -> StackOutputs:
        return self.world.outputs(stack)

    def history_version(self, stack: str) -> int:
        return len([up for up in self.world.ups if up[0] == stack])

    def destroy(self, stack: str) -> None:
        self.world.drawn.pop(stack, None)
        self.world.destroyed.append(stack)

    def unlock(self, stack: str) -> None:
        del stack

    def interrupt(self) -> None:
        self.world.interrupts += 1

    def _wanted(self, stack: str, config: Overlay) -> Endpoint:
        return self.overlays.get(config.path, self.world.files[stack][0])


@dataclass(kw_only=True)
class WorldFiles:
    """The stack files of the world; `full` is what writing one ends with."""

    world: World
    full: Exception | None = None
    overlays: dict[str, Endpoint] = field(default_factory=dict)
    pinned: dict[str, StackFile] = field(default_factory=dict)
    refusal: str = ""

    def read(self, environment: str) -> StackFile:
        file = self.world.file(environment)
        self.pinned[file.text] = file
        return file

    def path(self, environment: str) -> str:
        return f"Pulumi.{environment}.yaml"

    def parse(self, environment: str, text: str) -> StackFile:
        if text not in self.pinned:
            raise UsageError(f"Pulumi.{environment}.yaml: 1 problem")
        return self.pinned[text]

    def as_is(self, file: StackFile) -> Overlay:
        return Overlay(path=file.path, drawn=drawn_hash(file.endpoints))

    @contextmanager
    def overlay(self, file: StackFile, endpoint: Endpoint, fence: int) -> Iterator[Overlay]:
        del file, fence
        path = f"overlay-{len(self.overlays)}"
        self.overlays[path] = endpoint
        yield Overlay(path=path, drawn=drawn_hash([endpoint]))

    def unwritable(self, file: StackFile, endpoint: str, release: ImageRef) -> str:
        del file, endpoint, release
        return self.refusal

    def write_release(self, file: StackFile, endpoint: str, release: ImageRef | None, promotion: int) -> StackFile:
        if self.full is not None:
            raise self.full
        if self.read(file.environment).sha256 != file.sha256:
            raise NeedsPerson(f"{file.path} isn't what was pinned")
        written = tuple(
            replace(one, release=release, promotion=promotion) if one.name == endpoint else one
            for one in file.endpoints
        )
        self.world.files[file.environment] = written
        return self.read(file.environment)


@dataclass(kw_only=True)
class WorldTraffic:
    """Routers that do what was drawn, unless the world says otherwise."""

    world: World

    def observed(self, outputs: StackOutputs, endpoint: str) -> tuple[float, ...]:
        if self.world.stuck_traffic is not None:
            return (self.world.stuck_traffic,)
        drawn = outputs.endpoint(endpoint)
        return (0.0 if drawn is None or drawn.canary is None else drawn.canary.traffic,)

    def await_drained(self, outputs: StackOutputs, cluster: str, timeout: float) -> bool:
        del outputs, cluster, timeout
        return True


@dataclass(kw_only=True)
class WorldReleases:
    """Records by digest."""

    records: list[ReleaseRecord] = field(default_factory=list)

    def get(self, image: ImageRef) -> ReleaseRecord | None:
        return next((one for one in self.records if one.image.digest == image.digest), None)

    def newest(self, model: str, commit: str) -> ReleaseRecord | None:
        return next((one for one in self.records if (one.model, one.commit) == (model, commit)), None)

    def list(self, model: str) -> tuple[ReleaseRecord, ...]:
        return tuple(one for one in self.records if one.model == model)


@dataclass(kw_only=True)
class WorldGit:
    """A checkout at one commit."""

    world: World
    commit_id: str = "c" * 40
    same: tuple[str, ...] = ()  # commits with the files of this one

    def head(self) -> str:
        return self.commit_id

    def published(self, path: str) -> str | None:
        return self.world.published.get(path)

    def same_since(self, commit: str, leave_out: Sequence[str]) -> bool:
        assert tuple(leave_out) == ("Pulumi.dev.yaml", "Pulumi.prod.yaml")
        return commit in self.same

    def commit(self, path: str, message: str) -> str:
        if self.world.uncommittable:
            raise UsageError(f"{path} was not committed: {self.world.uncommittable}")
        self.world.messages.append(message)
        self.world.published[path] = self.world.file(path.split(".")[1]).text
        return "d" * 40


@dataclass(kw_only=True)
class WorldHeld:
    """A lease; `lost` makes the next check fail."""

    fence: int
    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise Busy("bob@other took over")
