"""Real registries; apart from building, whose imports take longer than a reading."""

from pathlib import Path
from typing import TYPE_CHECKING

from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.credentials import DockerCredentials
from towpath.adapters.oci.transport import Transport

if TYPE_CHECKING:
    from towpath.cli.wiring import RealWorld


def registry_client(world: "RealWorld") -> RegistryClient:
    """Our own client."""
    return RegistryClient(registry_transport(world))


def registry_transport(world: "RealWorld") -> Transport:
    """HTTP to registries, with the logins `docker login` left."""
    config = Path(world.env.get("DOCKER_CONFIG") or Path.home() / ".docker") / "config.json"
    return Transport(credentials=DockerCredentials(config, world.programs), clock=world.clock)
