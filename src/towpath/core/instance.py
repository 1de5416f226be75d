"""The instance file: what setup chose for this checkout, as JSON."""

import re
from collections.abc import Collection
from typing import Final, get_args

from towpath.core.errors import Refused, UsageError, all_at_once
from towpath.core.toolchain import BaseImage, Engine, EngineSource, Instance, LanguageHost

FORMAT: Final = 1
_MEND: Final = "run `deploy setup`; it writes this file anew and keeps the instance's id"
_ID: Final = re.compile(r'"id"\s*:\s*"([a-z0-9-]+)"')


class Damaged(UsageError):  # noqa: N818 - what happened to the file
    """The instance file can't be read any more; `deploy setup` writes it anew."""

    def __init__(self, message: str) -> None:
        super().__init__(message, _MEND)


def kept_id(text: str | None, exported: Collection[str], where: str) -> str:
    """The id of a checkout whose instance file is damaged or gone; empty where there was never one.

    Args:
        text: of the file; absent: there is none.
        exported: the instance that each Pulumi state names which holds resources; empty where one names none.
        where: the file.

    Raises:
        Refused: there was an id, and nothing says which.
    """
    told = _ID.search(text or "")
    if told is not None:
        return told[1]
    ids = set(exported)
    if len(ids) == 1 and "" not in ids:
        return ids.pop()
    if text is None and not ids:
        return ""
    named = f", but {' and '.join(sorted(ids - {''}))}" if ids - {""} else ""
    raise Refused(
        f"{where} doesn't say the id of this checkout's instance, and no one else does{named}; with a new id the next "
        "`pulumi up` would replace the registry's volume and lose every image",
        f"""`docker ps --format '{{{{.Label "towpath.instance"}}}}'` lists ids; write yours into {where} as """
        """{"id": "…"} and run `deploy setup`; remove that file if nothing was ever drawn from here""",
    )


def to_json(instance: Instance) -> dict[str, object]:
    """The content of the instance file."""
    return {
        "format": FORMAT,
        "id": instance.id,
        "engine": {
            "pulumi": instance.engine.pulumi,
            "source": instance.engine.source,
            "languageHost": instance.engine.language_host,
            "version": instance.engine.version,
        },
        "images": {
            "base": {
                alias: {"image": base.image, "digest": base.digest, "layout": base.layout}
                for alias, base in sorted(instance.base.items())
            },
            "registry": instance.registry,
            "router": instance.router,
        },
        "docker": {"host": instance.docker_host},
        "offline": instance.offline,
    }


def from_json(document: object, where: str) -> Instance:
    """Parse the content of the file named `where`; all problems at once."""
    reader = _Reader()
    root = reader.table(document, "")
    version = root.get("format")
    if isinstance(version, int) and version > FORMAT:
        raise UsageError(f"{where} has format {version}; this deploy reads up to {FORMAT}", "use a newer deploy")
    if version != FORMAT:
        reader.problems.append(f"format: found {version!r}, valid is {FORMAT}")
    images = reader.table(root.get("images"), "images")
    docker = reader.table(root.get("docker", {}), "docker")
    instance = Instance(
        id=reader.text(root, "", "id"),
        engine=_engine(reader, root.get("engine")),
        base=_bases(reader, images.get("base")),
        registry=reader.text(images, "images.", "registry"),
        router=reader.text(images, "images.", "router"),
        offline=reader.flag(root, "offline"),
        docker_host=reader.text(docker, "docker.", "host", default=""),
    )
    if reader.problems:
        raise Damaged(all_at_once(where, reader.problems).message)
    return instance


def _engine(reader: "_Reader", document: object) -> Engine:
    table = reader.table(document, "engine")
    source = reader.text(table, "engine.", "source")
    host = reader.text(table, "engine.", "languageHost")
    return Engine(
        pulumi=reader.text(table, "engine.", "pulumi"),
        source=_one_of(reader, "engine.source", source),
        version=reader.text(table, "engine.", "version"),
        language_host=_host(reader, host),
    )


def _one_of(reader: "_Reader", place: str, value: str) -> EngineSource:
    for source in get_args(EngineSource):
        if source == value:
            return source  # type: ignore[no-any-return]  # get_args loses the literal's type
    reader.problems.append(f"{place}: found {value!r}, valid are {', '.join(get_args(EngineSource))}")
    return "path"


def _host(reader: "_Reader", value: str) -> LanguageHost:
    if value == "official":
        return "official"
    if value != "stand-in":
        reader.problems.append(f"engine.languageHost: found {value!r}, valid are {', '.join(get_args(LanguageHost))}")
    return "stand-in"


def _bases(reader: "_Reader", document: object) -> dict[str, BaseImage]:
    bases = {}
    for alias, entry in reader.table(document, "images.base").items():
        place = f"images.base.{alias}"
        table = reader.table(entry, place)
        bases[alias] = BaseImage(
            image=reader.text(table, f"{place}.", "image"),
            digest=reader.text(table, f"{place}.", "digest"),
            layout=reader.text(table, f"{place}.", "layout", default=""),
        )
    return bases


class _Reader:
    def __init__(self) -> None:
        self.problems: list[str] = []

    def table(self, value: object, place: str) -> dict[str, object]:
        if isinstance(value, dict):
            return {str(key): entry for key, entry in value.items()}
        self.problems.append(f"{place or 'the file'}: found {type(value).__name__}, valid is an object")
        return {}

    def text(self, table: dict[str, object], prefix: str, key: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if isinstance(value, str) and (value or default is not None):
            return value
        self.problems.append(f"{prefix}{key}: found {value!r}, valid is a text")
        return ""

    def flag(self, table: dict[str, object], key: str) -> bool:
        value = table.get(key)
        if isinstance(value, bool):
            return value
        self.problems.append(f"{key}: found {value!r}, valid are true and false")
        return False
