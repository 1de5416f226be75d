"""The instance file: what setup chose for this checkout, as JSON."""

from typing import Final, get_args

from towpath.core.errors import UsageError, all_at_once
from towpath.core.toolchain import BaseImage, Engine, EngineSource, Instance, LanguageHost

FORMAT: Final = 1
_MEND: Final = "run `deploy setup`; it writes this file"


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
        raise all_at_once(where, reader.problems, _MEND)
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
