"""What a user says about a model and its image."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from towpath.core.errors import UsageError

KIT_PORT = 8080
"""Where the serving kit listens inside a container."""

HOLDOUT = "holdout.jsonl"
"""Requests like users', a JSON body per line: for probes, and for warm-up where the image has the file."""

KIT_CLASSES = "towpath.serving."
"""What a command begins with whose class comes with the kit, so that a model needs no code of its own."""

_CLASS = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_PYTHON = re.compile(r"3\.\d{1,2}")
_MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}


class BuilderName(StrEnum):
    """How an image comes to be: assembled by us, by a Dockerfile, or already there."""

    LAYERS = "layers"
    DOCKERFILE = "dockerfile"
    IMAGE = "image"


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """What a container runs on.

    Attributes:
        os: `linux`.
        architecture: Go's word for it: `amd64`, `arm64`.
        variant: `v8` and the like; empty matches any.
    """

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def machine(self) -> str:
        """The same architecture as wheels name it: `x86_64`, `aarch64`."""
        return _MACHINES[self.architecture]

    def fits(self, other: "Platform") -> bool:
        """Whether an image for `other` runs where this platform is asked for."""
        same = (self.os, self.architecture) == (other.os, other.architecture)
        return same and (not self.variant or not other.variant or self.variant == other.variant)


def parse_platform(text: str) -> Platform:
    """Read `linux/amd64`.

    Raises:
        UsageError: a platform no image can be built for.
    """
    words = text.split("/")
    if len(words) not in {2, 3} or words[0] != "linux" or words[1] not in _MACHINES:
        valid = ", ".join(f"linux/{name}" for name in _MACHINES)
        raise UsageError(f"{text!r} is not a platform Towpath builds for", f"valid: {valid}")
    return Platform(os=words[0], architecture=words[1], variant="".join(words[2:]))


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageSpec:
    """How the image of a model is made. Paths are relative to the model's folder.

    Attributes:
        builder: which of the three ways.
        platform: what the container runs on.
        base: layers: an alias that `deploy setup` resolved (`python3.11`), an OCI layout folder or an image by digest.
        python: layers: the base's Python, `3.11`; wheels are chosen for it.
        requirements: layers: the locked requirements file; empty when the model needs nothing beside the kit.
        code: layers: files and folders of the user's code.
        weights: layers: files and folders that training wrote; empty when there are none.
        command: layers: the model class to serve, `module:Class`.
        env: layers: environment of the process. Never secrets: an image is readable by whoever may pull it.
        dockerfile: dockerfile: the file; its context is `context`.
        context: dockerfile: the folder sent to the daemon.
        image: image: what exists already, `repository@sha256:…`.
    """

    builder: BuilderName = BuilderName.LAYERS
    platform: Platform = Platform(os="linux", architecture="amd64")
    base: str = "python3.11"
    python: str = "3.11"
    requirements: str = ""
    code: tuple[str, ...] = ()
    weights: tuple[str, ...] = ()
    command: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    dockerfile: str = "Dockerfile"
    context: str = "."
    image: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSpec:
    """A model as deploy.toml describes it.

    Attributes:
        name: its name there, and the last part of its repository.
        folder: absolute path of the model's folder.
        image: how its image is made.
        data: the training data, relative to the folder: a file, a folder or a pointer to it (.dvc); empty when unnamed.
        test: the words of the model's own test command, run in the folder; empty when there is none.
        declared_in: absolute path of the file that says all this; a change in it makes a build dirty.
    """

    name: str
    folder: str
    image: ImageSpec
    data: str = ""
    test: tuple[str, ...] = ()
    declared_in: str = ""

    @property
    def holdout(self) -> str:
        """Absolute path of the requests that probes send, which may not be there."""
        return f"{self.folder}/{HOLDOUT}"


def image_problems(spec: ImageSpec) -> list[str]:
    """What is missing or wrong in a description, before any file is looked at."""
    if spec.builder is BuilderName.LAYERS:
        return _layers_problems(spec)
    if spec.builder is BuilderName.IMAGE and not spec.image:
        return ["image: names no image; the image builder takes repository@sha256:…"]
    return []


def _layers_problems(spec: ImageSpec) -> list[str]:
    problems = []
    if not _CLASS.fullmatch(spec.command):
        problems.append(f"command: {spec.command!r} is not module:Class, such as serve:Model")
    if not spec.code and not spec.command.startswith(KIT_CLASSES):
        problems.append("code: names no file; list the files and folders the model's class needs")
    if not spec.base:
        problems.append("base: names no base image; an alias such as python3.11, or repository@sha256:…")
    if not _PYTHON.fullmatch(spec.python):
        problems.append(f"python: {spec.python!r} is not a version such as 3.11")
    return problems
