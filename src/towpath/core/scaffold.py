"""The files of a new project, as data: what `deploy init` would write where."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template
from typing import Final

from towpath.core.errors import UsageError

ENVIRONMENTS: Final = ("dev", "staging", "prod")
REGISTRY_PORT: Final = 5055
FIRST_ROUTER_PORT: Final = 8081
_REPLICAS: Final = {"prod": 2}
_NAME: Final = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_IGNORED: Final = (".towpath/", ".venv/", "__pycache__/")


@dataclass(frozen=True, kw_only=True, slots=True)
class Start:
    """What a project starts with.

    Attributes:
        model: name of the model and of its endpoint.
        path: the model's folder within the project.
        model_keys: further lines of the model's table in deploy.toml.
        image_keys: lines of its image's table.
        port: where its container answers.
        ready: its path that answers 200 when it can serve; empty: the serving kit's.
        files: of the model's folder, by path within the project.
        remarks: what the user should know.
        build: the command that builds its first release.
    """

    model: str
    path: str
    image_keys: tuple[str, ...]
    model_keys: tuple[str, ...] = ()
    port: int = 8080
    ready: str = ""
    files: Mapping[str, bytes]
    remarks: tuple[str, ...] = ()
    build: str = "deploy build"


def name_from(text: str) -> str:
    """A name that every platform takes, made from a folder's or file's; `model` where nothing is left of it."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-").lstrip("0123456789-")[:40].strip("-")
    return name or "model"


def checked_name(text: str) -> str:
    """The name itself.

    Raises:
        UsageError: a platform would refuse it.
    """
    if not _NAME.fullmatch(text):
        raise UsageError(
            f"{text!r} can't name a model",
            f"at most 40 small letters, digits and dashes, beginning with a letter: {name_from(text)}",
        )
    return text


def project_files(
    project: str, start: Start, templates: Mapping[str, str], program: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Every file of the project by its path, but .gitignore, which may be there already."""
    words = {
        "project": project,
        "model": start.model,
        "path": quoted(start.path),
        "model_keys": "".join(f"{line}\n" for line in start.model_keys),
        "image_keys": "".join(f"{line}\n" for line in start.image_keys),
        "registry_port": str(REGISTRY_PORT),
    }
    texts = {
        name: Template(templates[name]).substitute(words)
        for name in ("deploy.toml", "Pulumi.yaml", "Pulumi.platform.yaml")
    }
    texts |= {f"Pulumi.{name}.yaml": _environment(name, start, templates) for name in ENVIRONMENTS}
    texts |= {f"ops/{name}": templates[name] for name in ("resume.cron", "resume.service", "resume.timer")}
    return {name: text.encode() for name, text in texts.items()} | dict(program) | dict(start.files)


def _environment(name: str, start: Start, templates: Mapping[str, str]) -> str:
    probes = (f"probes:\n        ready: {quoted(start.ready)}",) if start.ready else ()
    endpoint = (f"port: {start.port}", *probes)
    words = {
        "environment": name,
        "model": start.model,
        "router_port": str(FIRST_ROUTER_PORT + ENVIRONMENTS.index(name)),
        "replicas": str(_REPLICAS.get(name, 1)),
        "endpoint": "".join(f"      {line}\n" for line in endpoint),
    }
    return Template(templates["Pulumi.environment.yaml"]).substitute(words)


def with_ignored(gitignore: bytes) -> bytes:
    """The text of .gitignore with the lines a project needs; its own lines, in whatever encoding, stay as they are."""
    have = set(gitignore.splitlines())
    missing = [line.encode() for line in _IGNORED if line.encode() not in have]
    if not missing:
        return gitignore
    separator = b"" if not gitignore or gitignore.endswith(b"\n") else b"\n"
    return gitignore + separator + b"\n".join(missing) + b"\n"


def quoted(text: str) -> str:
    """The text as TOML and YAML both read it: in double quotes, with every sign escaped that can't be seen.

    Raises:
        UsageError: neither has such a text: it has bytes of no encoding.
    """
    if any("\ud800" <= sign <= "\udfff" for sign in text):
        raise UsageError(f"{text!r} can't stand in a file", "rename it in letters of UTF-8")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in escaped) + '"'
