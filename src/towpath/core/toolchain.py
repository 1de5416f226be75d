"""Which real engines are used on this machine: facts in, a choice with its reason out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from towpath.core.docker_daemon import GET_PERMISSION, no_permission, unanswered

EngineSource = Literal["path", "cache", "installer", "build"]
ImageSource = Literal["recorded", "official", "local"]
LanguageHost = Literal["official", "stand-in"]
DockerAction = Literal["use", "install", "start"]
DockerTrouble = Literal["", "absent", "stopped", "denied", "remote"]
Version = tuple[int, int, int]

ENGINE_VERSION: Final = "3.259.0"
GO_NEEDED: Final[Version] = (1, 25, 11)
BASE_ALIAS: Final = "python3.11"
_ENGINE_FITS: Final[tuple[Version, Version]] = ((3, 259, 0), (4, 0, 0))
_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A Pulumi engine that can be run. `pulumi` is the path of the executable."""

    pulumi: str
    source: EngineSource
    version: str
    language_host: LanguageHost


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineFacts:
    """Where an engine is or could come from.

    Attributes:
        recorded: whether the engine of the instance file is there and runs.
        found: the `pulumi` on the path, of any version.
        cached: one that an earlier setup downloaded or built.
        installer: whether the official download answers for this kind of machine.
        go: version of the Go compiler; empty when there is none.
    """

    offline: bool
    recorded: bool = False
    found: Engine | None = None
    cached: Engine | None = None
    installer: bool = False
    go: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerFacts:
    """Whether the Docker daemon answers; if not, why, and what this user could do about it.

    Attributes:
        host: address of the daemon; empty for the default socket.
        detail: version of the daemon, or what the connection said.
        root: whether this user may install packages and start services.
        packages: whether the system's packages come from Debian or Ubuntu.
    """

    trouble: DockerTrouble
    host: str = ""
    detail: str = ""
    root: bool = False
    packages: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """Which of the instance's images are there and how others could be had.

    Attributes:
        missing: words for the images that the instance lacks or the daemon has lost.
        registries: whether the public image registry answers.
        cached: whether all images of an earlier local build are in the cache.
        packages: whether Debian's packages can be had; root: whether this user may unpack a system.
    """

    offline: bool
    missing: tuple[str, ...]
    registries: bool = False
    cached: bool = False
    packages: bool = False
    root: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolFacts:
    """Something else that is used; `enough` tells whether what was found will do."""

    thing: str
    found: str
    enough: bool
    remedy: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineChoice:
    """Where the engine comes from, and why from there."""

    source: EngineSource
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerChoice:
    """What must be done so that the daemon answers, and why."""

    action: DockerAction
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageChoice:
    """Where the images come from, and why from there."""

    source: ImageSource
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Lacking:
    """Something that setup can't mend by itself: what is missing and what a person can do."""

    message: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseImage:
    """What models are built on.

    Attributes:
        image: a reference the Docker daemon and, where `layout` is empty, a public registry know.
        layout: folder with the image as an OCI image layout; empty for an image of a public registry.
        digest: digest of the image's manifest.
    """

    image: str
    digest: str
    layout: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Instance:
    """What this checkout runs on; `registry` and `router` are references that `docker run` takes."""

    id: str
    engine: Engine
    base: Mapping[str, BaseImage]
    registry: str
    router: str
    offline: bool
    docker_host: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnginePlaces:
    """Absolute paths that an engine's environment names; `backend` only where Pulumi.yaml names none."""

    state: str
    python: str
    python_path: tuple[str, ...] = ()
    backend: str = ""


def parse_version(text: str) -> Version | None:
    """The first version number in `text`, or nothing."""
    found = _VERSION.search(text)
    if found is None:
        return None
    major, minor, patch = found.groups()
    return int(major), int(minor), int(patch or 0)


def engine_fits(version: str) -> bool:
    """Whether a Pulumi CLI of this version is used as it is."""
    parsed = parse_version(version)
    low, high = _ENGINE_FITS
    return parsed is not None and low <= parsed < high


def choose_engine(facts: EngineFacts) -> EngineChoice | Lacking:
    """The engine on the path if it fits, else a cached one, else the official installer, else a build."""
    if facts.found is not None and engine_fits(facts.found.version):
        return EngineChoice(source="path", reason=f"pulumi {facts.found.version} is on the path and fits")
    passed_over = "no pulumi is on the path"
    if facts.found is not None:
        passed_over = f"pulumi {facts.found.version} on the path isn't between 3.259 and 4"
    if facts.cached is not None:
        return EngineChoice(source="cache", reason=f"{passed_over}; {facts.cached.version} is in the cache")
    if facts.installer and not facts.offline:
        return EngineChoice(source="installer", reason=f"{passed_over}; the official download answers")
    why = "--offline was asked for" if facts.offline else "the official download can't be reached"
    go = parse_version(facts.go)
    if go is not None and go >= GO_NEEDED:
        return EngineChoice(source="build", reason=f"{passed_over}, {why}; Go {facts.go} builds it")
    needed = ".".join(map(str, GO_NEEDED))
    return Lacking(
        message=f"no Pulumi engine: {passed_over}, {why}, and Go is {facts.go or 'absent'}",
        remedy=f"put pulumi {ENGINE_VERSION} or newer on the path, or install Go {needed} or newer and run setup again",
    )


def choose_docker(facts: DockerFacts) -> DockerChoice | Lacking:
    """Use the daemon that answers; where root may, install Docker's package or start the daemon."""
    where = facts.host or "the default socket"
    if facts.trouble == "":
        return DockerChoice(action="use", reason=f"Docker {facts.detail} answers at {where}")
    if facts.trouble == "stopped" and facts.root:
        return DockerChoice(action="start", reason="Docker is installed and its daemon isn't running")
    if facts.trouble == "absent" and facts.root and facts.packages:
        return DockerChoice(action="install", reason="there is no Docker; models run in its containers")
    message, remedy = {
        "denied": (
            no_permission(facts.host),
            GET_PERMISSION,
        ),
        "remote": (
            unanswered(facts.detail, facts.host),
            "start it there, or correct DOCKER_HOST or the Docker context",
        ),
        "stopped": (
            "the Docker daemon isn't running",
            "start it: `sudo systemctl start docker`, or Docker Desktop",
        ),
        "absent": (
            "there is no Docker on this machine",
            "install Docker Engine or Docker Desktop, or run setup as root on Debian or Ubuntu",
        ),
    }[facts.trouble]
    return Lacking(message=message, remedy=remedy)


def choose_images(facts: ImageFacts) -> ImageChoice | Lacking:
    """Recorded images that are still there, else the official ones, else ones made on this machine."""
    if not facts.missing:
        return ImageChoice(source="recorded", reason="all images of this instance are there")
    if facts.registries and not facts.offline:
        return ImageChoice(source="official", reason="the public image registry answers")
    why = "--offline was asked for" if facts.offline else "the public image registry can't be reached"
    if facts.cached:
        return ImageChoice(source="local", reason=f"{why}; the cache has images made here")
    if facts.root and facts.packages:
        return ImageChoice(source="local", reason=f"{why}; they are made from Debian's packages")
    return Lacking(
        message=f"missing images ({', '.join(facts.missing)}): {why}, and they can't be made here",
        remedy="run setup where Docker Hub can be reached, or once as root on Debian or Ubuntu",
    )


def engine_environment(instance: Instance, places: EnginePlaces, ambient: Mapping[str, str]) -> dict[str, str]:
    """The variables a plain `pulumi` needs to do what the driver does, on top of `ambient`.

    Holds no secret: the passphrase is named by its file.
    """
    pulumi_home = instance.engine.pulumi.rpartition("/")[0]
    path = [f"{places.state}/bin", pulumi_home, *ambient.get("PATH", "").split(":")]
    variables = {
        "PATH": ":".join(dict.fromkeys(part for part in path if part)),
        "PULUMI_HOME": f"{places.state}/pulumi-home",
        "PULUMI_PYTHON_CMD": places.python,
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_CONFIG_PASSPHRASE_FILE": f"{places.state}/passphrase",
    }
    python_path = [*places.python_path, *ambient.get("PYTHONPATH", "").split(":")]
    if any(python_path):
        variables["PYTHONPATH"] = ":".join(dict.fromkeys(part for part in python_path if part))
    if places.backend:
        variables["PULUMI_BACKEND_URL"] = places.backend
    if instance.docker_host:
        variables["DOCKER_HOST"] = instance.docker_host
    if instance.offline:
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
        variables["PULUMI_DISABLE_REGISTRY_RESOLVE"] = "true"
    return variables
