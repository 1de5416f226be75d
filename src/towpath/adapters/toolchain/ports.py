"""The real ports of setup and doctor."""

from pathlib import Path

from towpath.adapters.toolchain.docker_daemon import Daemon
from towpath.adapters.toolchain.docker_setup import RealDockerSetup
from towpath.adapters.toolchain.engines import RealEngines
from towpath.adapters.toolchain.http import Http
from towpath.adapters.toolchain.images import RealImages
from towpath.adapters.toolchain.instances import FileInstances
from towpath.adapters.toolchain.local_images import LocalImages
from towpath.adapters.toolchain.machine import RealMachine
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.app.setup_ports import Processes, SetupPorts


def real_setup_ports(surroundings: Surroundings, processes: Processes, home: Path) -> SetupPorts:
    """Ports over this machine, its Docker daemon and its network."""
    http = Http(surroundings.env)
    daemon = Daemon(surroundings.env, home)
    return SetupPorts(
        machine=RealMachine(surroundings, processes, http, daemon),
        engines=RealEngines(surroundings, processes, http),
        docker=RealDockerSetup(surroundings, processes, daemon),
        images=RealImages(daemon, LocalImages(surroundings, processes, daemon)),
        instances=FileInstances(surroundings),
    )
