"""What can be served: an image by digest, and the record of how it came to be."""

import re
from dataclasses import dataclass, field

from towpath.core.errors import UsageError
from towpath.core.inputs import Feature

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[a-z0-9]([a-z0-9.\-]*[a-z0-9])?(:\d+)?(/[a-z0-9]+([._\-]+[a-z0-9]+)*)+")


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class ImageRef:
    """An image that can never change under its name: `repository@sha256:…`.

    Attributes:
        repository: registry host with optional port, and path: `localhost:5055/breast-cancer`.
        digest: `sha256:` and 64 hex digits, of the manifest's bytes.
    """

    repository: str
    digest: str

    def __str__(self) -> str:
        return f"{self.repository}@{self.digest}"

    @property
    def short(self) -> str:
        """The first 12 hex digits, for tables."""
        return self.digest.removeprefix("sha256:")[:12]

    @property
    def registry(self) -> str:
        """The host, with its port where one is named."""
        return self.repository.split("/", 1)[0]

    @property
    def path(self) -> str:
        """The repository inside the registry."""
        return self.repository.split("/", 1)[1]


def parse_image(text: str) -> ImageRef:
    """Read `repository@sha256:…`; a tag is refused, because a tag can move after it was judged.

    Raises:
        UsageError: no digest, a malformed one, or a repository without a registry.
    """
    repository, at, digest = text.partition("@")
    if not at:
        raise UsageError(
            f"{text!r} is not an image by digest",
            "name the digest: repository@sha256:…; `deploy releases` lists the releases that were built",
        )
    if not _DIGEST.fullmatch(digest):
        raise UsageError(f"{digest!r} in {text!r} is not a digest", "a digest is sha256: and 64 hex digits")
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError(
            f"{repository!r} in {text!r} is not a repository",
            "a repository names its registry and no tag: localhost:5055/breast-cancer",
        )
    return ImageRef(repository=repository, digest=digest)


@dataclass(frozen=True, kw_only=True, slots=True)
class TestResult:
    """What the model's own tests said at build time.

    Attributes:
        passed: true only when the test command ended with 0.
        command: the words that were run; empty when the model names none.
        summary: the last line of its output.
    """

    __test__ = False  # not a pytest class, whatever its name says

    passed: bool
    command: tuple[str, ...]
    summary: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReleaseRecord:
    """How a release came to be; written once at build, never changed.

    Attributes:
        image: what is served.
        model: the model's name in deploy.toml.
        commit: 40 hex digits of the Git commit; empty outside a repository.
        dirty: true when the work tree differed from the commit; such a release never reaches prod.
        built_at: UTC, ISO 8601 with seconds.
        builder: layers, dockerfile or image.
        platform: `linux/amd64`.
        base: the base image by digest; empty where the builder can't know it.
        hashes: sha256 hex of the inputs by name: lock, code, weights, data, kit.
        metrics: what training measured, from metrics.json.
        tests: the model's own tests.
        created_by: who built it.
        features: what its training data was like, from reference.json; none where that doesn't say.
    """

    image: ImageRef
    model: str
    commit: str
    dirty: bool
    built_at: str
    builder: str
    platform: str
    base: str
    hashes: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tests: TestResult
    created_by: str
    features: tuple[Feature, ...] = ()
