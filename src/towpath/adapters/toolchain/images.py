"""Images of platforms: the official ones by digest, or ones made here."""

from typing import Final

from towpath.adapters.toolchain.docker_daemon import Daemon
from towpath.adapters.toolchain.local_images import ROUTER_VERSION, LocalImages
from towpath.app.setup_ports import Report
from towpath.core.toolchain import BaseImage, ImageSource

_BASES: Final = {"python3.11": "docker.io/library/python:3.11-slim"}
_REGISTRY: Final = "docker.io/library/registry:2"
_ROUTER: Final = f"docker.io/envoyproxy/envoy:v{ROUTER_VERSION}"


class RealImages:
    """Pulls official images, or has them made on this machine."""

    def __init__(self, daemon: Daemon, local: LocalImages) -> None:
        self._daemon = daemon
        self._local = local

    def base(self, alias: str, source: ImageSource, report: Report) -> BaseImage:
        """The image that models are built on."""
        if source == "local":
            return self._local.base(report)
        image = self._pull(_BASES[alias], report)
        return BaseImage(image=image, digest=image.rpartition("@")[2])

    def registry(self, source: ImageSource, report: Report) -> str:
        """An image that serves a registry on port 5000."""
        return self._local.registry(report) if source == "local" else self._pull(_REGISTRY, report)

    def router(self, source: ImageSource, report: Report) -> str:
        """An image with Envoy and a shell."""
        return self._local.router(report) if source == "local" else self._pull(_ROUTER, report)

    def _pull(self, reference: str, report: Report) -> str:
        said: set[str] = set()

        def progress(status: str) -> None:
            if status not in said:
                said.add(status)
                report.progress(reference, status)

        digest = self._daemon.pull(reference, progress).rpartition("@")[2]
        return f"{reference.rpartition(':')[0]}@{digest}"
