"""An image by the user's own Dockerfile and the Docker daemon."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from towpath.adapters.builders.files import inside
from towpath.adapters.oci.client import RegistryClient
from towpath.app.build_ports import Built
from towpath.core.image import ModelSpec, Platform
from towpath.core.release import ImageRef

PUSHED = "Pushed"
"""Docker's word for a layer whose bytes went to the registry."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerBuild:
    """What the daemon is asked to build.

    Attributes:
        context: folder.
        dockerfile: file.
        platform: of the image.
    """

    context: Path
    dockerfile: Path
    platform: Platform


class Daemon(Protocol):
    """A Docker daemon, as far as building needs it."""

    @property
    def name(self) -> str:
        """How it is spoken to, for the report."""

    def build(self, what: DockerBuild) -> str:
        """Build; gives back the image's id.

        Raises:
            Missing: there is no daemon, or no permission to use it.
            Refused: the Dockerfile doesn't build; the message ends with the build's own last lines.
        """

    def diff_ids(self, image: str) -> tuple[str, ...]:
        """Digests of an image's uncompressed layers, bottom first."""

    def push(self, image: str, repository: str, tag: str) -> Mapping[str, str]:
        """Push an image under a tag, and say by the layers' short ids what became of each.

        Raises:
            Refused: the registry doesn't take it.
        """


class DockerfileBuilder:
    """Builds and pushes by the daemon: it alone knows which of its layers a registry has, and skips them unread."""

    def __init__(self, daemon: Daemon, client: RegistryClient) -> None:
        self._daemon = daemon
        self._client = client

    def build(self, model: ModelSpec, repository: str) -> Built:
        """Build, push under a tag that is only a way to the digest, and read the digest back from the registry."""
        built = self._daemon.build(_wanted(model))
        tag = f"build-{built.removeprefix('sha256:')[:12]}"
        said = self._daemon.push(built, repository, tag)
        manifest, document = self._client.image(repository, tag, model.image.platform)
        sizes = [layer.size for layer in document.layers]
        moved = sum(
            size
            for size, layer in zip(sizes, self._daemon.diff_ids(built), strict=True)
            if said.get(_short(layer)) == PUSHED
        )
        image = ImageRef(repository=repository, digest=manifest.digest)
        return Built(image=image, moved=moved, reused=sum(sizes) - moved, notes=(f"built by {self._daemon.name}",))


def _wanted(model: ModelSpec) -> DockerBuild:
    folder, spec = Path(model.folder), model.image
    return DockerBuild(
        context=inside(folder, spec.context), dockerfile=inside(folder, spec.dockerfile), platform=spec.platform
    )


def _short(diff_id: str) -> str:
    return diff_id.removeprefix("sha256:")[:12]
