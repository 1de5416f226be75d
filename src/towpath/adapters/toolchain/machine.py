"""What this machine has; reads only."""

import platform
import shutil
import sys
from pathlib import Path
from typing import Final

from towpath.adapters.toolchain.docker_daemon import Daemon
from towpath.adapters.toolchain.engines import RealEngines
from towpath.adapters.toolchain.http import Http
from towpath.adapters.toolchain.local_images import LocalImages
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.app.setup_ports import Command, Processes
from towpath.core.errors import Missing
from towpath.core.toolchain import (
    BASE_ALIAS,
    DockerFacts,
    EngineFacts,
    ImageFacts,
    Instance,
    ToolFacts,
    engine_fits,
    parse_version,
)

_OS_RELEASE: Final = Path("/etc/os-release")
_REGISTRY: Final = "https://registry-1.docker.io/v2/"
_FREE_BYTES: Final = 3 << 30
_GIB: Final = 1 << 30
_SECONDS: Final = 20.0


class RealMachine:
    """Probes this machine; the network is only asked when it would make a difference."""

    def __init__(self, surroundings: Surroundings, processes: Processes, http: Http, daemon: Daemon) -> None:
        self._around = surroundings
        self._processes = processes
        self._http = http
        self._daemon = daemon
        self._engines = RealEngines(surroundings, processes, http)
        self._local = LocalImages(surroundings, processes, daemon)

    def engine_facts(self, instance: Instance | None, *, offline: bool) -> EngineFacts:
        """Which engines are there or can be had."""
        found, cached = self._engines.found(), self._engines.cached()
        needed = cached is None and (found is None or not engine_fits(found.version))
        return EngineFacts(
            offline=offline,
            recorded=instance is not None and self._engines.runs(instance.engine),
            found=found,
            cached=cached,
            installer=needed and not offline and self._engines.installer_answers(),
            go=self._version_of("go", "version"),
        )

    def docker_facts(self) -> DockerFacts:
        """Whether the daemon answers, and if not, why."""
        trouble, detail = self._daemon.version()
        if trouble == "stopped" and not self._has_docker():
            trouble = "absent"
        return DockerFacts(
            trouble=trouble,
            host=self._daemon.host,
            detail=detail,
            root=self._around.root,
            packages=_debian_packages(),
        )

    def image_facts(self, instance: Instance | None, *, offline: bool) -> ImageFacts:
        """Which images the daemon has; all count as missing when it doesn't answer."""
        missing = self._missing(instance)
        return ImageFacts(
            offline=offline,
            missing=missing,
            registries=bool(missing) and not offline and self._http.reachable(_REGISTRY),
            cached=bool(missing) and self._local.cached(),
            packages=_debian_packages(),
            root=self._around.root,
        )

    def tool_facts(self) -> tuple[ToolFacts, ...]:
        """Go, Python, git and the free space where caches are."""
        go, git = self._version_of("go", "version"), self._version_of("git", "--version")
        place = next(folder for folder in (self._around.cache, *self._around.cache.parents) if folder.is_dir())
        free = shutil.disk_usage(place).free
        return (
            ToolFacts(thing="go", found=go, enough=bool(go), remedy="only needed where the engine must be built"),
            ToolFacts(thing="python", found=f"{platform.python_version()} ({self._around.python})", enough=True),
            ToolFacts(thing="git", found=git, enough=bool(git), remedy="install git; releases name their commit"),
            ToolFacts(
                thing="disk",
                found=f"{free / _GIB:.1f} GiB free at {place}",
                enough=free >= _FREE_BYTES,
                remedy=f"free {_FREE_BYTES // _GIB} GiB; `docker system df` and `go clean -cache` help",
            ),
        )

    def _missing(self, instance: Instance | None) -> tuple[str, ...]:
        if instance is None or self._daemon.version()[0] != "":
            return ("base", "registry", "router")
        base = instance.base.get(BASE_ALIAS)
        there = {
            "base": base is not None and (not base.layout or Path(base.layout, "index.json").is_file()),
            "registry": self._daemon.has(instance.registry),
            "router": self._daemon.has(instance.router),
        }
        return tuple(name for name, present in there.items() if not present)

    def _has_docker(self) -> bool:
        path = self._around.env.get("PATH", "")
        name = "dockerd" if sys.platform == "linux" else "docker"
        return shutil.which(name, path=path) is not None

    def _version_of(self, *words: str) -> str:
        try:
            done = self._processes.run(Command(words=words, env=self._around.env, cwd=Path("/"), timeout=_SECONDS))
        except Missing:
            return ""
        version = parse_version(done.stdout)
        return "" if version is None else ".".join(map(str, version))


def _debian_packages() -> bool:
    try:
        lines = _OS_RELEASE.read_text().splitlines()
    except OSError:
        return False
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    names = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" in names and shutil.which("apt-get") is not None
