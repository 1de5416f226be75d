"""What the use cases need of the world, as protocols; adapters and fakes fulfil them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from towpath.core.consumption import Usage
from towpath.core.contract import Endpoint
from towpath.core.outputs import StackOutputs
from towpath.core.release import ImageRef, ReleaseRecord


class Clock(Protocol):
    """Time as a port; the fake one moves when slept."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds that never jump; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Wait; an interrupt ends it with `Interrupted`."""


class Report(Protocol):
    """Where progress goes while a use case runs."""

    def line(self, text: str) -> None:
        """One thing that happened."""

    def progress(self, what: str) -> AbstractContextManager[None]:
        """Something that may take over a second is under way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One resource that the engine would touch or did touch.

    Attributes:
        urn: the resource.
        name: the last part of the urn.
        type: the resource's type.
        operation: create, update, replace, delete, read or same.
        fields: inputs that differ.
    """

    urn: str
    name: str
    type: str
    operation: str
    fields: tuple[str, ...] = ()


class Engine(Protocol):
    """The Pulumi engine on one project; every call is one engine run on one stack."""

    def preview(self, stack: str, config: "Overlay") -> tuple[Change, ...]:
        """What an `up` would touch, without `same`.

        Raises:
            Refused: the program refused the config; the message is the program's own.
            Busy: another engine holds the stack's lock.
        """

    def up(self, stack: str, config: "Overlay", *, targets: Sequence[str] = ()) -> StackOutputs:
        """Draw what the config says, of everything or of the `targets` alone, and give back what was exported.

        Raises:
            Refused: the program refused the config before anything was touched.
            Busy: another engine holds the stack's lock.
            NeedsPerson: the run failed part-way; the message is the failing resource's own.
        """

    def outputs(self, stack: str) -> StackOutputs:
        """What the stack last exported; empty for one that was never drawn."""

    def history_version(self, stack: str) -> int:
        """Number of the stack's last finished update; 0 when there is none."""

    def destroy(self, stack: str) -> None:
        """Remove every resource of the stack, and the stack's state once nothing is left."""

    def unlock(self, stack: str) -> None:
        """Clear what a dead engine left: its lock and its pending operations, after the old one is surely gone."""

    def interrupt(self) -> None:
        """Stop the run that this process has under way, if any, and wait until it is gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """A stack file to run with.

    Attributes:
        path: where it is; the checked-in file or a private copy.
        drawn: the hash that a run with it will export.
    """

    path: str
    drawn: str


@dataclass(frozen=True, kw_only=True, slots=True)
class StackFile:
    """The checked-in file of one environment, parsed.

    Attributes:
        environment: the stack's name.
        path: where it is.
        sha256: of its bytes, hex.
        text: its bytes, decoded.
        endpoints: what it describes.
    """

    environment: str
    path: str
    sha256: str
    text: str
    endpoints: tuple[Endpoint, ...]

    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint of that name, if the file has it."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)


class StackFiles(Protocol):
    """The checked-in Pulumi.<environment>.yaml files, and private copies of them."""

    def read(self, environment: str) -> StackFile:
        """The file as it is now.

        Raises:
            UsageError: it doesn't exist or doesn't parse; every problem at once.
        """

    def path(self, environment: str) -> str:
        """Where the file is, or would be."""

    def parse(self, environment: str, text: str) -> StackFile:
        """A file from its pinned text, as `read` would have given it."""

    def as_is(self, file: StackFile) -> Overlay:
        """The checked-in file itself, to run with."""

    def overlay(self, file: StackFile, endpoint: Endpoint, fence: int) -> AbstractContextManager[Overlay]:
        """A private copy (0600) in which one endpoint looks like `endpoint`; removed at the end."""

    def unwritable(self, file: StackFile, endpoint: str, release: ImageRef) -> str:
        """Why `write_release` would fail as things are; empty when nothing speaks against it. Leaves nothing behind."""

    def write_release(self, file: StackFile, endpoint: str, release: ImageRef | None, promotion: int) -> StackFile:
        """Write the promoted release into the checked-in file; comments and order stay.

        Raises:
            NeedsPerson: the file isn't what was pinned any more, or can't be edited or written; it was left alone.
        """


class Releases(Protocol):
    """Records of what was built."""

    def get(self, image: ImageRef) -> ReleaseRecord | None:
        """The record of that digest, if it was built here."""

    def newest(self, model: str, commit: str) -> ReleaseRecord | None:
        """The newest record of that commit."""

    def list(self, model: str) -> tuple[ReleaseRecord, ...]:
        """All records of a model, newest first."""


class Images(Protocol):
    """The registry, as far as a promotion needs it."""

    def exists(self, image: ImageRef) -> bool:
        """Whether the registry has a manifest of exactly that digest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """One replica that really runs.

    Attributes:
        endpoint: what it belongs to.
        release_id: the release's identity on the platform.
        digest: of the image it really runs, read back from the platform.
        name: the platform's name for it.
        ready: it answers its ready path, or the platform says so.
        address: where its router reaches it, without the port; empty where that isn't known.
    """

    endpoint: str
    release_id: str
    digest: str
    name: str
    ready: bool
    address: str = ""


class Inventory(Protocol):
    """What the platform says is there, whatever Pulumi's state believes."""

    def running(self, instance: str, stack: str) -> tuple[Running, ...]:
        """Every replica with the stack's label, in name order."""

    def logs(self, instance: str, stack: str, release_id: str, *, follow: bool, tail: int) -> Iterator[str]:
        """Log lines of a release's replicas, each with its replica's name in front."""

    def usage(self, instance: str, stack: str) -> tuple[Usage, ...]:
        """What every running replica takes of its machine, all read at once, in name order."""


class Traffic(Protocol):
    """What the routers say they do, read from each router replica."""

    def observed(self, outputs: StackOutputs, endpoint: str) -> tuple[float, ...]:
        """Percent of live traffic that each router replica is configured to send to the canary, in their order."""

    def await_drained(self, outputs: StackOutputs, cluster: str, timeout: float) -> bool:
        """Wait until no router replica has a request open on that cluster; false when time ran out."""


class ObjectStore(Protocol):
    """Objects by key; create-if-absent is all that is asked of it beyond reading."""

    def create(self, key: str, data: bytes) -> bool:
        """Store durably unless the key exists; false when it does."""

    def get(self, key: str) -> bytes | None:
        """The object, or None."""

    def put(self, key: str, data: bytes) -> str:
        """Overwrite; gives back the new version's ETag. Only heartbeats use it."""

    def etag(self, key: str) -> str | None:
        """Version of the object now; None when it isn't there."""

    def keys(self, prefix: str) -> tuple[str, ...]:
        """Every key under the prefix, sorted."""
