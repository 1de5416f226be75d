"""Everything the use cases of a promotion need, put together once by the composition root."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from towpath.app.canary_ports import Observer, Prober
from towpath.app.journal import Journal
from towpath.app.ports import (
    Clock,
    Engine,
    Images,
    Inventory,
    ObjectStore,
    Releases,
    Report,
    StackFiles,
    Traffic,
)
from towpath.core.contract import Serving
from towpath.core.outputs import StackOutputs
from towpath.core.own_metrics import OwnMetric
from towpath.core.pipeline import Pipeline


class Held(Protocol):
    """A lease that is held."""

    @property
    def fence(self) -> int:
        """The number that voids outdated holders."""

    def check(self) -> None:
        """Make sure that the right to act is still ours.

        Raises:
            Busy: somebody else took the environment over; nothing more may be done.
            Interrupted: it could not be renewed; nothing more may be done, and it can be resumed.
        """


class Git(Protocol):
    """The checkout, as far as a promotion needs it."""

    def head(self) -> str:
        """Commit of the checkout, 40 hex digits; empty outside a repository."""

    def published(self, path: str) -> str | None:
        """Text of that file on the tracked branch (HEAD where none is tracked); None when it isn't there."""

    def same_since(self, commit: str, leave_out: Sequence[str]) -> bool:
        """Whether HEAD has the project's files as that commit has them, the ones left out aside."""

    def commit(self, path: str, message: str) -> str:
        """Commit that one file; gives back the commit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """How a canary is looked at.

    Attributes:
        observer: counters of both arms.
        prober: requests of our own.
    """

    observer: Observer
    prober: Prober


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """The world, through ports.

    Attributes:
        pipeline: deploy.toml.
        journals: an environment's journal.
        leases: takes an environment's lease, with what it is taken for; busy when somebody else holds it.
        watch: eyes and hands on one endpoint: stack, its outputs, endpoint, the model's name, how it is served, and
            which metrics of the user's own are read.
        holdout: request bodies of a model's holdout set, which probes send; none where there is none, and UsageError
            for what is no JSON.
        program: hash of the program that draws the stacks.
        actor: user@host.
    """

    pipeline: Pipeline
    clock: Clock
    report: Report
    engine: Engine
    files: StackFiles
    store: ObjectStore
    releases: Releases
    images: Images
    inventory: Inventory
    traffic: Traffic
    git: Git
    journals: Callable[[str], Journal]
    leases: Callable[[str, str], AbstractContextManager[Held]]
    watch: Callable[[str, StackOutputs, str, str, Serving, Sequence[OwnMetric]], Watch]
    holdout: Callable[[str], Sequence[str]]
    program: Callable[[], str]
    actor: str
