"""Docker's own package, and its daemon where no service manager starts it."""

import time
from pathlib import Path
from typing import Final

from towpath.adapters.toolchain.apt import Apt
from towpath.adapters.toolchain.docker_daemon import Daemon
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.app.setup_ports import Command, Processes, Report
from towpath.core.errors import Missing

_SYSTEMD: Final = Path("/run/systemd/system")
_ROUNDS: Final = 150
_PAUSE: Final = 0.2


class RealDockerSetup:
    """Installs and starts the Docker daemon of this machine; this user must be root."""

    def __init__(self, surroundings: Surroundings, processes: Processes, daemon: Daemon) -> None:
        self._around = surroundings
        self._processes = processes
        self._daemon = daemon

    def install(self, report: Report) -> None:
        """Install the distribution's package, which brings daemon, containerd, runc and iptables."""
        Apt(self._processes, self._around.env).install("Docker", ("docker.io",), report)

    def start(self, report: Report) -> None:
        """Start the daemon by the service manager, else as a detached process, and wait until it answers."""
        log = self._around.cache / "run" / "dockerd.log"
        if _SYSTEMD.is_dir():
            report.step("Docker", "starting its service")
            command = Command(words=("systemctl", "start", "docker"), env=self._around.env, timeout=60)
            self._processes.run(command)
        else:
            report.step("Docker", f"starting its daemon, since no service manager runs here; its log is {log}")
            self._processes.start_detached(Command(words=("dockerd",), env=self._around.env), log)
        for _ in range(_ROUNDS):
            if self._daemon.version()[0] == "":
                return
            time.sleep(_PAUSE)
        raise Missing("the Docker daemon was started and doesn't answer", f"its log says why: {log}")
