"""The Pulumi engine: from the path, from the cache, downloaded, or built from our go.mod."""

import os
import platform
import shlex
import shutil
import sys
import tarfile
from importlib import resources
from pathlib import Path
from typing import Final

from towpath.adapters.toolchain.cache import key_of, made_once
from towpath.adapters.toolchain.http import Web
from towpath.adapters.toolchain.surroundings import Surroundings
from towpath.app.setup_ports import Command, Finished, Processes, Report, Running
from towpath.core.errors import Missing
from towpath.core.toolchain import ENGINE_VERSION, Engine, EngineFacts, EngineSource, parse_version
from towpath.engine import launch

RELEASES: Final = "https://github.com/pulumi/pulumi/releases/download"
_PACKAGE: Final = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE: Final = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_FLAGS: Final = (
    "-trimpath",
    # nobody debugs it, and it mostly waits and derives keys, which the standard library does: without inlining in the
    # rest it is as quick, and built in five sixths of the time
    "-gcflags=all=-dwarf=false -l",
    "-gcflags=std=-dwarf=false",
    "-tags",
    "osusergo,grpcnotrace,disable_grpc_modules",  # the last: no direct path to Google's storage, nor its protocols
    "-ldflags",
    f"-s -w -X {_VERSION_VARIABLE}=v{ENGINE_VERSION}",
)
_BUILD_SECONDS: Final = 3600.0
_RUN_SECONDS: Final = 60.0
_SAY_EVERY: Final = 50
_HOST: Final = "pulumi-language-python"
_SCRIPTS: Final = {
    _HOST: '-P -u -m towpath.engine.language_host "$@"',
    "pulumi-resource-pulumi-python": f'-I -S {shlex.quote(launch.__file__)} "$@"',
}


class RealEngines:
    """Gets engines into the cache and puts what they start into the instance's folder of executables."""

    def __init__(self, surroundings: Surroundings, processes: Processes, http: Web) -> None:
        self._around = surroundings
        self._processes = processes
        self._http = http
        self._bin = surroundings.state / "bin"
        self._building: Running | None = None

    def found(self) -> Engine | None:
        """The engine on the user's own path."""
        path = self._which("pulumi")
        if path is None:
            return None
        beside = path.resolve().with_name(_HOST).is_file()
        official = beside or self._which(_HOST) is not None
        return Engine(
            pulumi=str(path),
            source="path",
            version=self._version(path),
            language_host="official" if official else "stand-in",
        )

    def cached(self) -> Engine | None:
        """An engine that was downloaded or built before and still runs."""
        for path, host in ((self._downloaded(), "official"), (self._built(), "stand-in")):
            if path.is_file() and parse_version(version := self._version(path)):
                return Engine(
                    pulumi=str(path),
                    source="cache",
                    version=version,
                    language_host="official" if host == "official" else "stand-in",
                )
        return None

    def runs(self, engine: Engine) -> bool:
        """Whether this engine is there and is what it was."""
        return Path(engine.pulumi).is_file() and self._version(Path(engine.pulumi)) == engine.version

    def installer_answers(self) -> bool:
        """Whether the official release can be downloaded for this kind of machine."""
        return _release_platform() != "" and self._http.reachable(self._release_url(_release_name()))

    def obtain(self, source: EngineSource, facts: EngineFacts, report: Report) -> Engine:
        """The engine from `source`; a download or build is made once per user."""
        present = {"path": facts.found, "cache": facts.cached}.get(source)
        if present is not None:
            return present
        if source == "installer":
            made_once(self._downloaded().parents[1], lambda place: self._download(place, report))
            path = self._downloaded()
        else:
            made_once(self._built().parent, lambda place: self._build(place, report))
            path = self._built()
        return Engine(
            pulumi=str(path),
            source=source,
            version=ENGINE_VERSION,
            language_host="official" if source == "installer" else "stand-in",
        )

    def stop(self) -> None:
        """End a build that another thread waits for."""
        building = self._building
        if building is not None:
            building.kill()

    def install(self, engine: Engine) -> Engine:
        """The engine as it is to be run: beside the stand-ins of what it would otherwise bring along."""
        self._bin.mkdir(parents=True, exist_ok=True)
        if engine.language_host == "official":
            for name in ("pulumi", *_SCRIPTS):
                (self._bin / name).unlink(missing_ok=True)
            return engine
        for name, words in _SCRIPTS.items():
            self._script(name, words)
        # in the same folder and not a symbolic link: the engine then takes the stand-ins for its own, without a warning
        target = self._bin / "pulumi"
        _link(Path(engine.pulumi).resolve(), target)
        return Engine(
            pulumi=str(target), source=engine.source, version=engine.version, language_host=engine.language_host
        )

    def _script(self, name: str, words: str) -> None:
        temporary = self._bin / f".{name}.{os.getpid()}"
        temporary.write_text(f'#!/bin/sh\nexec "${{PULUMI_PYTHON_CMD:-python3}}" {words}\n')
        temporary.chmod(0o755)
        temporary.replace(self._bin / name)

    def _which(self, name: str) -> Path | None:
        folders = self._around.env.get("PATH", "").split(os.pathsep)
        others = [folder for folder in folders if folder and Path(folder) != self._bin]
        found = shutil.which(name, path=os.pathsep.join(others))
        return None if found is None else Path(found)

    def _version(self, path: Path) -> str:
        env = {**self._around.env, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        done = self._processes.run(Command(words=(str(path), "version"), env=env, timeout=_RUN_SECONDS))
        return done.stdout.strip().removeprefix("v") if done.exit_code == 0 else ""

    def _downloaded(self) -> Path:
        return self._around.cache / "engine" / f"official-{ENGINE_VERSION}-{_release_platform()}" / "pulumi" / "pulumi"

    def _built(self) -> Path:
        parts: list[bytes | str] = [*_sources().values(), *_FLAGS, sys.platform, platform.machine()]
        return self._around.cache / "engine" / f"built-{ENGINE_VERSION}-{key_of(parts)}" / "pulumi"

    def _release_url(self, name: str) -> str:
        return f"{RELEASES}/v{ENGINE_VERSION}/{name}"

    def _download(self, place: Path, report: Report) -> None:
        name = _release_name()
        published = self._http.text(self._release_url(f"pulumi-{ENGINE_VERSION}-checksums.txt"))
        archive = place / name
        report.progress("engine", f"downloading {name}")
        found = self._http.download(self._release_url(name), archive, _Percent(report))
        _verify(name, found, published)
        with tarfile.open(archive) as files:
            files.extractall(place, filter="data")
        archive.unlink()
        self._trust(place / "pulumi" / "pulumi")

    def _build(self, place: Path, report: Report) -> None:
        for name, content in _sources().items():
            (place / name).write_bytes(content)
        compiled: list[str] = []

        def on_line(line: str) -> None:
            compiled.append(line)
            if len(compiled) % _SAY_EVERY == 0:
                report.progress("engine", f"building: {len(compiled)} of about 1750 modules and packages")

        env = {"GOGC": "400", **self._around.env, "CGO_ENABLED": "0", "GOWORK": "off"}
        words = ("go", "build", "-v", *_FLAGS, "-o", str(place / "pulumi"), _PACKAGE)
        done = self._built_by(Command(words=words, env=env, cwd=place, on_line=on_line))
        if done.exit_code != 0:
            last = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise Missing(f"building the Pulumi engine failed:\n{last}", "see that Go can reach its module proxy")
        self._trust(place / "pulumi")

    def _built_by(self, command: Command) -> Finished:
        """Under the guard, so that it ends with setup even where setup has no time to end it."""
        self._building = running = self._processes.spawn_guarded(command, grace=0.0)
        try:
            done = running.wait(_BUILD_SECONDS)
        finally:
            self._building = None
        if done is None:
            running.kill()
            raise Missing(f"building the Pulumi engine took over {_BUILD_SECONDS / 60:.0f} minutes", "run setup again")
        return done

    def _trust(self, path: Path) -> None:
        version = self._version(path)
        if version != ENGINE_VERSION:
            raise Missing(f"the new Pulumi engine says it is {version!r}, not {ENGINE_VERSION}", "run setup again")


def _sources() -> dict[str, bytes]:
    folder = resources.files("towpath.engine")
    return {name: (folder / name).read_bytes() for name in ("go.mod", "go.sum")}


def _release_platform() -> str:
    machine = {"x86_64": "x64", "amd64": "x64", "arm64": "arm64", "aarch64": "arm64"}.get(platform.machine(), "")
    return f"{sys.platform}-{machine}" if machine and sys.platform in ("linux", "darwin") else ""


def _release_name() -> str:
    return f"pulumi-v{ENGINE_VERSION}-{_release_platform()}.tar.gz"


def _verify(name: str, found: str, published: str) -> None:
    expected = [line.split()[0] for line in published.splitlines() if line.split()[1:] == [name]]
    if expected != [found]:
        raise Missing(
            f"{name} has SHA-256 {found}; its publisher says {expected[0] if expected else 'nothing'}",
            "something between here and the publisher changed it; use another network, or `deploy setup --offline`",
        )


class _Percent:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._said = 0

    def __call__(self, done: int, total: int) -> None:
        percent = 100 * done // total if total else 0
        if percent >= self._said + 10:
            self._said = percent
            self._report.progress("engine", f"downloaded {percent} %")


def _link(source: Path, target: Path) -> None:
    if target.exists() and target.samefile(source):
        return  # renaming a link over another link of the same file would do nothing and leave both
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.hardlink_to(source)
    except OSError:  # another file system
        shutil.copy2(source, temporary)
    temporary.replace(target)
