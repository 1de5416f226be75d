"""What building a release needs of the world, as protocols; adapters and fakes fulfil them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from towpath.app.setup_ports import Finished
from towpath.core.image import ModelSpec
from towpath.core.inputs import Feature
from towpath.core.release import ImageRef, ReleaseRecord


class Programs(Protocol):
    """Programs of this machine, in the environment the command was started in."""

    def run(
        self, words: Sequence[str], *, cwd: str = "", env: Mapping[str, str] | None = None, stdin: str = ""
    ) -> Finished:
        """Run a program to its end, whatever its exit code; `env` is added to the environment.

        Raises:
            Missing: there is no such program.
        """


def last_line(answer: Finished) -> str:
    """The last line a program said, errors before results."""
    lines = [line.strip() for text in (answer.stderr, answer.stdout) for line in text.splitlines()[::-1]]
    return next((line for line in lines if line), "")


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """What Git says about the sources of a model.

    Attributes:
        id: 40 hex digits; empty outside a repository.
        dirty: the sources differ from the commit, or there is none.
    """

    id: str
    dirty: bool


class Sources(Protocol):
    """The version control of the user's work."""

    def state(self, folder: str, paths: Sequence[str]) -> Commit:
        """The commit checked out around `folder`, dirty when any of the paths differs from it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Inputs:
    """What a model's folder holds, apart from how its image is made.

    Attributes:
        hashes: sha256 hex by name: lock, code, weights, data, kit, those there are.
        metrics: numbers of metrics.json.
        features: what the training data was like, from reference.json.
        notes: what may be wrong with it.
    """

    hashes: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    features: tuple[Feature, ...] = ()
    notes: tuple[str, ...] = ()


class ModelFolder(Protocol):
    """The files of a model."""

    def inputs(self, model: ModelSpec) -> Inputs:
        """Hashes of what is there now, and what training wrote about itself.

        Raises:
            UsageError: every file that is named and isn't there, at once.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """An image that is in the registry.

    Attributes:
        image: by digest.
        base: the base image by digest; empty where the builder can't know it.
        moved: bytes of blobs that went to the registry.
        reused: bytes of blobs that were there already or were mounted.
        notes: what the user should know about how it was made.
    """

    image: ImageRef
    base: str = ""
    moved: int = 0
    reused: int = 0
    notes: tuple[str, ...] = ()


class ImageBuilder(Protocol):
    """One of the ways an image comes to be."""

    def build(self, model: ModelSpec, repository: str) -> Built:
        """Make the model's image and put it into the repository.

        Raises:
            UsageError: the model's folder or description is wrong.
            Refused: an input isn't allowed into an image, or the registry says no.
            Missing: this machine lacks what the builder needs.
        """


class ReleaseWriter(Protocol):
    """Where records of releases are kept."""

    def add(self, record: ReleaseRecord) -> ReleaseRecord:
        """Keep the record; gives back the one that stands, which is an older one when it says the same."""


class Origins(Protocol):
    """What is said about images in their registry."""

    def say(self, image: ImageRef, provenance: bytes, created: str) -> None:
        """Attach where an image came from; `created` in ISO 8601. The same again changes nothing."""
