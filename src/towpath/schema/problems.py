"""What pydantic found, as sentences: the key's path, what was found, what would be valid."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

_LONGEST = 60  # characters of a found value that are shown


def problems_of(error: ValidationError, document: object, model: type[BaseModel]) -> list[str]:
    """One sentence per problem, in the order of the file.

    Args:
        error: what validating `document` raised.
        document: what was validated.
        model: what it was validated against; its JSON schema knows the valid keys.
    """
    schema = model.model_json_schema()
    return list(dict.fromkeys(_sentence(detail, document, schema) for detail in error.errors()))


def key_path(parts: Sequence[str | int]) -> str:
    """`models.m.image.code[0]`."""
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def closest(word: str, valid: Sequence[str]) -> str:
    """`did you mean …? ` for a misspelt word; empty when nothing is near."""
    near = difflib.get_close_matches(word, valid, n=1, cutoff=0.6)
    return f"did you mean {near[0]}? " if near else ""


def _sentence(detail: ErrorDetails, document: object, schema: Mapping[str, Any]) -> str:
    parts = _without_tags(detail["loc"], document)
    path = key_path(parts) or "the file"
    match detail["type"]:
        case "extra_forbidden":
            valid = _keys(parts[:-1], document, schema)
            listed = f"valid: {', '.join(valid)}" if valid else "no key is valid here"
            return f"{path}: unknown key; {closest(str(parts[-1]), valid)}{listed}"
        case "missing":
            return f"{path}: missing"
        case "union_tag_invalid":
            tag = detail["ctx"]["discriminator"].strip("'_()")
            return f"{path}.{tag}: found {detail['ctx']['tag']!r}, valid: {detail['ctx']['expected_tags']}"
        case _:
            return f"{path}: found {_shown(detail['input'])}, valid: {_valid(detail)}"


def _without_tags(loc: Sequence[str | int], document: object) -> list[str | int]:
    """A union's tag is a part of pydantic's path and not of the file's."""
    parts: list[str | int] = []
    here = document
    for number, part in enumerate(loc):
        last = number == len(loc) - 1
        if isinstance(part, str) and isinstance(here, Mapping) and part not in here and not last:
            continue
        if isinstance(part, str) and (part == "[key]" or not isinstance(here, Mapping)):
            continue
        parts.append(part)
        here = _child(here, part)
    return parts


def _child(here: object, part: str | int) -> object:
    if isinstance(here, Mapping):
        return here.get(part)
    if isinstance(here, Sequence) and isinstance(part, int) and part < len(here):
        return here[part]
    return None


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return "a table"
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _valid(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error" | "enum":
            return str(context["expected"])
        case "dict_type" | "model_type" | "model_attributes_type":
            return "a table"
        case _:
            return _TYPES.get(detail["type"]) or detail["msg"].removeprefix("Input should be ").replace(*_NICER)


_NICER = ("greater than or equal to", "at least")
_TYPES = {
    "string_type": "a text",
    "list_type": "a list",
    "tuple_type": "a list",
    "bool_type": "true or false",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "too_short": "at least one entry",
}


def _keys(parts: Sequence[str | int], document: object, schema: Mapping[str, Any]) -> list[str]:
    """The keys that the schema knows at that place."""
    here, value = schema, document
    for part in parts:
        here, value = _below(_resolved(here, value, schema), part), _child(value, part)
    return sorted(_resolved(here, value, schema).get("properties", {}))


def _resolved(here: Mapping[str, Any], value: object, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in here:
        here = schema["$defs"][here["$ref"].rpartition("/")[2]]
    options = here.get("oneOf") or here.get("anyOf")
    if options is None:
        return here
    tables = [option for option in (_resolved(o, value, schema) for o in options) if "properties" in option]
    return next((option for option in tables if _fits(option, value)), tables[0] if tables else {})


def _fits(option: Mapping[str, Any], value: object) -> bool:
    """Whether every constant of the option (a union's tag) is what the value says or leaves to the default."""
    if not isinstance(value, Mapping):
        return False
    constants = {name: known for name, known in option["properties"].items() if "const" in known}
    return all(value.get(name, known.get("default")) == known["const"] for name, known in constants.items())


def _below(here: Mapping[str, Any], part: str | int) -> Mapping[str, Any]:
    if isinstance(part, int):
        below = here.get("items", {})
    else:
        below = here.get("properties", {}).get(part) or here.get("additionalProperties") or {}
    return below if isinstance(below, Mapping) else {}
