"""Stack files as the engine's own YAML reader understands them, and edits that leave every other byte alone."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

_BOOL: Final = re.compile(r"true|True|TRUE|false|False|FALSE")
_DROPPED: Final = frozenset({"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"})
_BEYOND_JSON: Final = frozenset(f"tag:yaml.org,2002:{name}" for name in ("timestamp", "binary", "set", "omap", "pairs"))


class _Loader(yaml.SafeLoader):
    """YAML 1.2 where it matters: `yes` and `on` are words, dates are texts, and no key comes twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the base's signature
        """As the base does, but a key that comes twice is an error instead of the last one winning."""
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} comes twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _DROPPED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", _BOOL, list("tTfF"))
_Loader.yaml_constructors = {
    tag: construct for tag, construct in yaml.SafeLoader.yaml_constructors.items() if tag not in _BEYOND_JSON
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Splice:
    begin: int
    end: int
    text: str


def load(text: str) -> dict[str, Any]:
    """A stack file as plain data.

    Raises:
        ValueError: it isn't a YAML mapping; the message has the line.
    """
    try:
        parsed = yaml.load(text, Loader=_Loader)  # noqa: S506 - it derives from the safe loader
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except (ValueError, LookupError) as error:
        raise ValueError(f"a value isn't what its tag says: {error}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise ValueError(f"found {type(parsed).__name__}, valid: a mapping with the key config")  # noqa: TRY004 - bad input, not a bug
    return parsed


def dump(raw: Mapping[str, Any]) -> str:
    """The same data as text that no reader can take for something else: JSON is YAML with every text quoted."""
    return json.dumps(raw, indent=1) + "\n"


def edit(text: str, path: tuple[str, ...], values: Mapping[str, str | int | None]) -> str:
    """Set keys of the mapping at `path`, or remove those whose value is None; every other byte stays.

    Raises:
        KeyError: there is nothing at `path`.
    """
    node = _find(yaml.compose(text, Loader=_Loader), path)
    newline = "\r\n" if "\r\n" in text else "\n"
    if not isinstance(node, yaml.MappingNode) or not node.value:
        inside = ", ".join(f"{key}: {_scalar(value)}" for key, value in values.items() if value is not None)
        begin, end = node.start_mark.index, node.end_mark.index
        return _spliced(text, [_Splice(begin=begin, end=end, text=f"{'' if begin < end else ' '}{{{inside}}}")])
    edits = [_removal(text, node, key) for key, value in values.items() if value is None]
    edits += [_setting(text, node, key, value, newline) for key, value in values.items() if value is not None]
    return _spliced(text, [splice for splice in edits if splice is not None])


def _find(node: yaml.Node | None, path: tuple[str, ...]) -> yaml.Node:
    for name in path:
        pair = _pair(node, name)
        if pair is None:
            raise KeyError(name)
        node = pair[1]
    if node is None:
        raise KeyError(path)
    return node


def _pair(node: yaml.Node | None, name: str) -> tuple[yaml.Node, yaml.Node] | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _setting(text: str, node: yaml.MappingNode, name: str, value: str | int, newline: str) -> _Splice:
    pair = _pair(node, name)
    if pair is not None:
        begin = pair[1].start_mark.index
        end = begin + len(text[begin : pair[1].end_mark.index].rstrip())  # a block's end is where the next line begins
        return _Splice(begin=begin, end=end, text=f"{'' if begin < end else ' '}{_scalar(value)}")
    first = node.value[0][0].start_mark
    after = ", " if node.flow_style else newline + " " * first.column
    return _Splice(begin=first.index, end=first.index, text=f"{name}: {_scalar(value)}{after}")


def _removal(text: str, node: yaml.MappingNode, name: str) -> _Splice | None:
    pair = _pair(node, name)
    if pair is None:
        return None
    begin, end = pair[0].start_mark.index, pair[1].end_mark.index
    if node.flow_style:
        follows = re.compile(r"\s*,\s*").match(text, end)
        precedes = re.compile(r",\s*$").search(text[:begin])
        if follows is not None:
            return _Splice(begin=begin, end=follows.end(), text="")
        return _Splice(begin=begin if precedes is None else precedes.start(), end=end, text="")
    line_end = text.find("\n", end)
    return _Splice(begin=text.rfind("\n", 0, begin) + 1, end=len(text) if line_end < 0 else line_end + 1, text="")


def _scalar(value: str | int) -> str:
    return (
        json.dumps(value)
        if isinstance(value, int) or not re.fullmatch(r"[a-z0-9][\w.\-/:@]*[a-z0-9]", value)
        else value
    )


def _spliced(text: str, splices: list[_Splice]) -> str:
    edits = sorted(splices, key=lambda one: one.begin)
    for splice in edits[::-1]:  # of two at one place, the first shall stay first
        text = text[: splice.begin] + splice.text + text[splice.end :]
    return text
