"""docs/configuration.md, made from the models that parse the files."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.docs.meanings import KIT, MEANINGS, OUTPUTS, WHO_SETS
from towpath.core import contract
from towpath.schema.pipeline import json_schema as pipeline_schema
from towpath.schema.stack import json_schema as stack_schema
from towpath.schema.units import format_duration
from towpath.serving import drift, sampling, settings

_PLATFORM: Final = {"os", "architecture", "variant"}
_FORMS: Final = {"90s": "duration", "512Mi": "size", "500m": "cores"}

_HEAD: Final = """\
# Configuration

Made from the models that parse these files; `make golden` makes it again.

Two kinds of files. `deploy.toml` says how a release gets to production. `Pulumi.<stack>.yaml` says what is drawn in one
environment. All keys that are unknown and all values that are wrong by themselves are told at once: the key, what was
found, and what would be valid. What contradicts something else, such as `min_time` beyond `max_time`, is told once
these are right.

| form | how it is written |
| --- | --- |
| duration | `90s`, `5m`, `1h30m`, `250ms`; a number without a unit is refused |
| size | `512Mi`, `2Gi`, `2G`, or bytes |
| cores | `500m`, `"2"`, `1.5` |
"""

_PIPELINE: Final = """
## deploy.toml

Found in the folder you are in, or in the nearest one above. `--config FILE` or `TOWPATH_CONFIG` names another. Paths in
it start from its own folder.
"""

_BETWEEN: Final = """
### What must fit together

- `traffic` rises, each percent once, and stays below 100 - `holdback`. The last step, 100 - `holdback`, comes by
  itself, and so does a step of 50.
- `holdback` is below 50; `poll` is from `1s` to less than `max_gap`; `warm_up` is below `max_time`; `min_time` is at
  most `max_time`, and `soak` at most what is left between the two.
- Each `[[environments.NAME.canary.metric]]` has a name of its own and one source: `events` and `cases`, or `histogram`
  and `above`, or `promql`. There are at most 8. `promote` is wider than `rollback`. Queries use `$release` or `$arm`.
- `blue-green` has one step, 100 - `holdback`, and takes no `traffic`.
- `promotes_from` names another environment of the file, and no circle.
"""

_STACK: Final = """
## Pulumi.&lt;stack&gt;.yaml

Keys of the namespace `towpath:` in the stack's config. `deploy promote` and `deploy rollback` change two of them,
`release` and `promotion` of one endpoint; everything else is yours. Comments and order stay.

A Pulumi secret is named in `secrets` and set with `pulumi config set --stack prod --secret secrets:NAME`. Its value
reaches the container's environment and nothing else.
"""

_OUTPUTS: Final = """
## What a stack exports

`pulumi stack output` shows it. The driver reads nothing else of a stack.

| output | meaning |
| --- | --- |
"""

_LABELS: Final = """
Every container, network and volume carries labels. `docker ps --filter label=towpath.stack=prod` finds those of prod.

| label | meaning |
| --- | --- |
"""

_VARIABLES: Final = """
## Variables

Of the command:

| variable | meaning |
| --- | --- |
| `TOWPATH_CONFIG` | the pipeline's file, where `--config` doesn't name one |
| `TOWPATH_ACTOR` | who acts, for journal and records; else user@host |
| `NO_COLOR` | no colours and no moving lines |
| `DOCKER_HOST` | the Docker daemon that `deploy setup` uses |
| `XDG_CACHE_HOME` | where caches are kept; else `~/.cache` |

Of a container with the serving kit; `env` of the endpoint sets them:

| variable | default | meaning |
| --- | --- | --- |
"""

_LABEL_MEANINGS: Final = {
    contract.LABEL_INSTANCE: "id of the checkout's installation; a second checkout or a demo has another",
    contract.LABEL_STACK: "the stack that drew it",
    contract.LABEL_ENDPOINT: "the endpoint it belongs to",
    contract.LABEL_RELEASE_ID: "hash of the digest and of everything in the replica's template",
    contract.LABEL_DIGEST: "the image's digest",
    contract.LABEL_ROLE: "registry, router, replica, network or volume",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    path: tuple[str, ...]
    suffix: str
    table: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Section:
    title: str
    about: str
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        head = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n"
        rows = "".join(f"| {' | '.join(row)} |\n" for row in self.rows)
        return f"\n### `{self.title}`\n\n{self.about}\n\n{head if rows else ''}{rows}"


def page() -> str:
    """The whole page."""
    return "".join(
        (
            _HEAD,
            _PIPELINE,
            *(section.text() for section in sections(pipeline_schema(), _toml_title)),
            _BETWEEN,
            _STACK,
            *(section.text() for section in sections(stack_schema(), _yaml_title)),
            _OUTPUTS,
            *(f"| `{name}` | {meaning} |\n" for name, meaning in OUTPUTS.items()),
            _LABELS,
            *(f"| `{name}` | {meaning} |\n" for name, meaning in _LABEL_MEANINGS.items()),
            _VARIABLES,
            *(f"| `{name}` | {default} | {meaning} |\n" for name, default, meaning in kit_rows()),
        )
    )


def sections(schema: Mapping[str, Any], title: Callable[[str], str]) -> list[_Section]:
    """One per table of the file; a table that has no key of its own isn't repeated."""
    found: list[_Section] = []
    known: list[frozenset[str]] = []
    waiting = [_Place(path=(), suffix="", table=schema)]
    while waiting:
        place = waiting.pop(0)
        keys = frozenset(place.table.get("properties", {}))
        if any(keys < other for other in known):
            continue
        known.append(keys)
        waiting = [*places(place, schema), *waiting]
        if place.path:
            found.append(_section(place, schema, title))
    return found


def places(place: _Place, schema: Mapping[str, Any]) -> Iterator[_Place]:
    """The tables within a table."""
    for key, value in place.table.get("properties", {}).items():
        for below in _tables(key, value, schema):
            yield replace(below, path=(*place.path, *below.path))


def _section(place: _Place, schema: Mapping[str, Any], title: Callable[[str], str]) -> _Section:
    rows = [_row(place.table, key, value, schema) for key, value in place.table["properties"].items()]
    return _Section(title=title(".".join(place.path)) + place.suffix, about=_about(place.table), rows=tuple(rows))


def _toml_title(path: str) -> str:
    plain = path.removesuffix("[]").replace("[]", "")
    return f"[[{plain}]]" if path.endswith("[]") else f"[{plain}]"


def _yaml_title(path: str) -> str:
    return f"towpath:{path}"


def _about(table: Mapping[str, Any]) -> str:
    return str(table.get("description", "")).strip()


def _row(table: Mapping[str, Any], key: str, value: Mapping[str, Any], schema: Mapping[str, Any]) -> tuple[str, ...]:
    required = key in table.get("required", ())
    default = "required" if required else _default(value, schema)
    return f"`{key}`", _type(value, schema), default, meaning_of(str(table.get("title", "")), key, value, schema)


def meaning_of(title: str, key: str, value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    """What the schema says of a key, else what the table of meanings does, else what its table is."""
    own = value.get("description") or MEANINGS.get((title, key))
    below = "" if own else next((_about(inner.table) for inner in _tables(key, value, schema)), "")
    return str(own or below).replace("\n", " ").replace("|", "\\|")


def _resolved(value: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in value:
        value = schema["$defs"][value["$ref"].rpartition("/")[2]]
    return value


def _options(value: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Everything a value may be, but absent."""
    value = _resolved(value, schema)
    inner = value.get("oneOf") or value.get("anyOf")
    if inner is None:
        return [value]
    return [found for one in inner for found in _options(one, schema) if found.get("type") != "null"]


def _tables(key: str, value: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[_Place]:
    for option in _options(value, schema):
        below = option.get("additionalProperties")
        if "properties" in option:
            yield _Place(path=(key,), suffix=_builder(option), table=option)
        elif isinstance(below, dict):
            yield from (replace(one, path=(key, *one.path)) for one in _tables("NAME", below, schema))
        elif option.get("type") == "array":
            yield from (replace(one, path=(f"{key}[]",)) for one in _tables(key, option["items"], schema))


def _builder(option: Mapping[str, Any]) -> str:
    constant = option["properties"].get("builder", {}).get("const")
    return f" with builder = {json.dumps(constant)}" if constant else ""


def _type(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    return " or ".join(dict.fromkeys(_word(option, schema) for option in _options(value, schema)))


def _word(option: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    form = _FORMS.get(str(next(iter(option.get("examples", ())), "")))
    constants = option.get("enum") or ([option["const"]] if "const" in option else [])
    if form or constants:
        return form or " or ".join(f"`{json.dumps(one)}`" for one in constants)
    if "properties" in option:
        return "table"
    match option.get("type"):
        case "array":
            return f"list of {_type(option['items'], schema)}"
        case "object":
            return f"table of {_type(option['additionalProperties'], schema)} by name"
        case "integer" | "number" as kind:
            return ("whole number" if kind == "integer" else "number") + _range(option)
        case kind:
            return {"string": "text", "boolean": "true or false"}.get(str(kind), "any JSON")


def _range(option: Mapping[str, Any]) -> str:
    words = (
        ("above", option.get("exclusiveMinimum")),
        ("from", option.get("minimum")),
        ("below", option.get("exclusiveMaximum")),
        ("to", option.get("maximum")),
    )
    found = [f"{word} {limit:g}" for word, limit in words if limit is not None]
    return f" {' '.join(found)}" if found else ""


def _default(value: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    default = value.get("default")
    if isinstance(default, dict) and set(default) == _PLATFORM:
        return f'`"{default["os"]}/{default["architecture"]}"`'
    if default is None or default in ("", {}, []) or isinstance(default, dict):
        return "none"
    if _type(value, schema) == "duration":
        return f"`{format_duration(default)}`"
    if _type(value, schema) in {"size", "cores"} and default == 0:
        return "none"
    return f"`{json.dumps(default)}`"


def kit_rows() -> Iterator[tuple[str, str, str]]:
    """Every variable of the serving kit, in the order of its module."""
    numbers = {**settings._WHOLE_NUMBERS, **settings._SECONDS}
    for name in kit_variables():
        default = f"`{numbers[name]:.9g}`" if name in numbers else WHO_SETS.get(name, "none")
        yield name, default, KIT[name]


def kit_variables() -> list[str]:
    """Names that the kit reads."""
    names = [value for module in (settings, drift, sampling) for value in vars(module).values()]
    return [name for name in names if isinstance(name, str) and name.startswith("TOWPATH_")]
