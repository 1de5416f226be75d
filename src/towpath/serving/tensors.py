"""Tensors as the protocol has them: a flat list with a shape, to and from nested rows. Needs no numpy."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import cast

_WHOLE = {f"{sign}INT{bits}": bits for sign in ("", "U") for bits in (8, 16, 32, 64)}
# bits of precision, and of the greatest
_REAL = {"FP16": (11, 16), "BF16": (8, 128), "FP32": (24, 128), "FP64": (53, 1024)}
DATATYPES = {
    "BOOL": "bool",
    **dict.fromkeys(_WHOLE, "int"),
    **dict.fromkeys(_REAL, "float"),
    "BYTES": "str",
}
"""Every datatype of the protocol and the kind of JSON value it holds. BYTES are strings."""

_INFINITE = {name: 2**most - 2 ** (most - bits - 1) for name, (bits, most) in _REAL.items()}  # what rounds to infinity
_ALLOWED: dict[str, frozenset[type]] = {
    "bool": frozenset({bool}),
    "int": frozenset({int}),
    "float": frozenset({int, float}),
    "str": frozenset({str}),
}
# the values lie between these two
_BOUNDS: dict[str, tuple[int, int]] = {
    **{f"INT{bits}": (-(2 ** (bits - 1)) - 1, 2 ** (bits - 1)) for bits in _WHOLE.values()},
    **{f"UINT{bits}": (-1, 2**bits) for bits in _WHOLE.values()},
    **{name: (-infinite, infinite) for name, infinite in _INFINITE.items()},
}
_BY_DTYPE = {
    "bool": "BOOL",
    **{name.lower(): name for name in _WHOLE},
    "float16": "FP16",
    "bfloat16": "BF16",
    "float32": "FP32",
    "float64": "FP64",
}
_FEW_LISTS = 1000
_LISTS_OF_A_VALUE = 4
_BY_TYPES = (("BOOL", {bool}), ("INT64", {int}), ("FP64", {int, float}), ("BYTES", {str}))


class OutputError(Exception):
    """What a model answered isn't a tensor: the model's fault, not the caller's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """A named tensor, its data flat in row-major order."""

    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[object]

    def as_json(self) -> dict[str, object]:
        """The form of the protocol."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape), "data": self.data}


@dataclass(frozen=True, kw_only=True, slots=True)
class Nested:
    """Rows in the shape of their tensor, or why there are none."""

    rows: object
    problems: tuple[str, ...]


def nested(data: object, shape: Sequence[int], datatype: str) -> Nested:
    """Data, flat or nested, as rows nested in `shape`, which has few dimensions; each value fit for `datatype`."""
    values = data if isinstance(data, list) else []
    flat = _flatten(values, len(shape))
    problems = _misfits(flat, datatype)
    deep = bool(values) and isinstance(values[0], list)
    if deep and not problems and _shape_of(values) != tuple(shape):
        problems = [f"its rows don't have the shape {list(shape)}"]
    needed = math.prod(shape)
    if not deep and len(flat) != needed:
        problems.append(f"has {len(flat)} values, the shape {list(shape)} needs {needed}")
    elif not deep and _sprawls(shape, needed):
        problems.append(f"the shape {list(shape)} makes more than {_LISTS_OF_A_VALUE} lists of each value")
    if problems:
        return Nested(rows=[], problems=tuple(problems))
    return Nested(rows=values if deep else _fold(flat, shape), problems=())


def tensors_of(answer: object) -> list[Tensor]:
    """What `predict` gave back, as tensors: a mapping gives one each, anything else is the tensor `output`.

    Raises:
        OutputError: a value is ragged, empty or of no type the protocol knows.
    """
    named = answer if isinstance(answer, dict) else {"output": answer}
    if not named:
        message = "predict gave back no output"
        raise OutputError(message)
    return [_tensor(str(name), value) for name, value in named.items()]


def _tensor(name: str, value: object) -> Tensor:
    dtype = str(getattr(value, "dtype", ""))
    rows = _plain(value)
    rows = rows if isinstance(rows, list) else [rows]
    shape = _shape_of(rows)
    if shape is None:
        message = f"output {name!r} is ragged: its rows have different lengths"
        raise OutputError(message)
    flat = _flatten(rows, len(shape))
    datatype = _BY_DTYPE.get(dtype) or _datatype_of(name, flat)
    return Tensor(name=name, datatype=datatype, shape=shape, data=flat)


def _plain(value: object) -> object:
    """Lists all the way down: arrays, their scalars and tuples become what JSON has."""
    to_list = getattr(value, "tolist", None)
    if to_list is not None:
        return to_list()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _datatype_of(name: str, flat: Sequence[object]) -> str:
    types = set(map(type, flat))
    for datatype, allowed in _BY_TYPES:
        if types <= allowed:
            return datatype
    found = ", ".join(sorted(kind.__name__ for kind in types))
    message = f"output {name!r} holds {found}; numbers, strings, booleans, lists and arrays of one kind can be answered"
    raise OutputError(message)


def _flatten(values: Iterable[object], depth: int) -> list[object]:
    flat = list(values)
    for _ in range(depth - 1):
        if not flat or not all(isinstance(item, list) for item in flat):
            break
        flat = [value for item in flat if isinstance(item, list) for value in item]
    return flat


def _shape_of(rows: Sequence[object]) -> tuple[int, ...] | None:
    """The shape of nested lists; None when they are ragged."""
    shape, level = [len(rows)], list(rows)
    while level and any(isinstance(item, list) for item in level):
        sizes = {len(item) if isinstance(item, list) else -1 for item in level}
        if len(sizes) > 1:
            return None
        shape.append(sizes.pop())
        level = [value for item in level if isinstance(item, list) for value in item]
    return tuple(shape)


def _sprawls(shape: Sequence[int], values: int) -> bool:
    """Whether folding makes far more lists than there are values: each dimension of 1 makes one of every row."""
    if len(shape) <= _LISTS_OF_A_VALUE + 1:
        return False
    lists: int = sum(accumulate(shape[:-1], mul))
    return lists > max(_FEW_LISTS, _LISTS_OF_A_VALUE * values)


def _fold(flat: list[object], shape: Sequence[int]) -> list[object]:
    rows = flat
    for size in reversed(shape[1:]):
        rows = [rows[start : start + size] for start in range(0, len(rows), size)] if size else [[] for _ in rows]
    return rows


def _misfits(flat: Sequence[object], datatype: str) -> list[str]:
    strange = set(map(type, flat)) - _ALLOWED[DATATYPES[datatype]]
    if strange:
        place = next(index for index, value in enumerate(flat) if type(value) in strange)
        return [f"value {place} is {_name(flat[place])}, which isn't {datatype}"]
    return _outside(cast("Sequence[float]", flat), datatype) if flat and datatype in _BOUNDS else []


def _outside(numbers: Sequence[float], datatype: str) -> list[str]:
    low, high = _BOUNDS[datatype]
    if DATATYPES[datatype] == "float" and _length(numbers) < high:  # had quicker than the least and the greatest
        return []
    if low < min(numbers) and max(numbers) < high:
        return []
    place = next(index for index, number in enumerate(numbers) if not low < number < high)
    return [f"value {place} is outside the range of {datatype}"]


def _length(vector: Sequence[float]) -> float:
    """As great as the greatest of them at least, whatever their signs."""
    try:
        return math.hypot(*vector)
    except OverflowError:  # a whole number that no float is as great as
        return math.inf


def _name(value: object) -> str:
    names = {type(None): "null", list: "a list", dict: "an object", str: "a string", bool: "true or false"}
    return names.get(type(value), "a number with a fraction" if isinstance(value, float) else "a number")
