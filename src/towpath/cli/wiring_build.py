"""Real things for building releases."""

from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from towpath.adapters.builders.bases import Bases
from towpath.adapters.builders.dependencies import Dependencies
from towpath.adapters.builders.docker_cli import DockerCli
from towpath.adapters.builders.docker_sdk import DockerSdk
from towpath.adapters.builders.dockerfile import Daemon, DockerfileBuilder
from towpath.adapters.builders.folder import FilesOfModels
from towpath.adapters.builders.hashes import HashCache
from towpath.adapters.builders.image import ImageBuilder
from towpath.adapters.builders.kit import Kit
from towpath.adapters.builders.layers import LayersBuilder
from towpath.adapters.builders.packing import PackedLayers
from towpath.adapters.builders.wheels import WheelDownloads
from towpath.adapters.git import GitCheckout
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.referrers import Referrers, RegistryOrigins
from towpath.app.build import BuildServices
from towpath.cli import wiring
from towpath.cli.wiring_registry import registry_transport
from towpath.core.image import BuilderName

if TYPE_CHECKING:
    from docker import DockerClient

    from towpath.cli.wiring import RealWorld


def build_services(world: "RealWorld") -> BuildServices:
    """Everything that building needs."""
    transport, kit = registry_transport(world), Kit(package=wiring.PACKAGE)
    client = RegistryClient(transport)
    hashes = HashCache(world.surroundings.cache / "hashes.json", world.clock)
    layers = LayersBuilder(
        client=client,
        bases=Bases(client, _aliases(world)),
        dependencies=Dependencies(_downloads(world), PackedLayers(world.surroundings.cache / "layers")),
        kit=kit,
        hashes=hashes,
    )
    return BuildServices(
        builders={
            BuilderName.LAYERS: layers,
            BuilderName.DOCKERFILE: DockerfileBuilder(_daemon(world), client),
            BuilderName.IMAGE: ImageBuilder(client),
        },
        folder=FilesOfModels(kit, hashes),
        sources=GitCheckout(Path(world.pipeline().root), world.programs),
        programs=world.programs,
        releases=world.releases(),
        origins=RegistryOrigins(Referrers(transport, client)),
        clock=world.clock,
        report=world.report,
        actor=world.actor,
    )


def _aliases(world: "RealWorld") -> dict[str, str]:
    return {alias: base.layout or base.image for alias, base in world.instance.base.items()}


def _downloads(world: "RealWorld") -> WheelDownloads:
    python = world.surroundings.python
    return WheelDownloads(world.programs, (python, "-m", "pip"))


def _daemon(world: "RealWorld") -> Daemon:
    host = world.env.get("DOCKER_HOST", "")
    if which("docker", path=world.env.get("PATH", "")):
        return DockerCli(world.programs, host)
    return DockerSdk(lambda: _connected(world), host)


def _connected(world: "RealWorld") -> "DockerClient":
    import docker

    return docker.from_env(environment=world.env, use_ssh_client=True)
