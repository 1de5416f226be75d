"""The Open Inference Protocol, version 2, as JSON: requests in, responses out. Pure; knows no HTTP and no model."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from towpath.serving.tensors import DATATYPES, Tensor, nested

_MOST_PROBLEMS = 50  # a body of a million bad tensors must not make an answer of a million lines
_MOST_DIMENSIONS = 32  # a caller chooses them, and what they multiply to is computed and printed
_LONGEST_DIMENSION = 2**63 - 1


class BadInput(Exception):  # noqa: N818 - the word a model author raises: what came in can't be predicted on
    """The request can't be answered, and it is the caller's fault: answered with 400.

    A model may raise it in `predict`; its message goes to the caller.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class Inputs(dict[str, Any]):
    """What `predict` is given: the rows of every tensor by name, as nested lists in the tensor's shape."""

    __slots__ = ()

    @property
    def rows(self) -> list[Any]:
        """The rows of the only tensor, whatever its name.

        Raises:
            BadInput: the request has more than one.
        """
        if len(self) != 1:
            raise BadInput(f"this model takes one tensor, the request has {len(self)}: {', '.join(self)}")
        (rows,) = self.values()
        return rows if isinstance(rows, list) else [rows]


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorSpec:
    """A tensor as a model declares it; -1 in the shape is any length."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    def as_json(self) -> dict[str, object]:
        """The form of the model's metadata."""
        return {"name": self.name, "datatype": self.datatype, "shape": list(self.shape)}


@dataclass(frozen=True, kw_only=True, slots=True)
class InferRequest:
    """A request that holds what it promises.

    Attributes:
        id: the caller's, given back in the response; None when it sent none.
        outputs: names of the outputs wanted; empty: all.
        tensors: datatype and shape of every input as it was sent.
        declared: the inputs that the model declares; empty: it takes any.
    """

    id: str | None
    inputs: Inputs
    outputs: tuple[str, ...]
    tensors: tuple[TensorSpec, ...] = ()
    declared: tuple[TensorSpec, ...] = ()


def parse_request(body: bytes, declared: Sequence[TensorSpec]) -> InferRequest:
    """Read a request body and hold it against the tensors the model declares (none declared: any fit).

    Raises:
        BadInput: with every problem found.
    """
    document = _document(body)
    problems: list[str] = []
    request_id = _id(document.get("id"), problems)
    inputs = _inputs(document.get("inputs"), {spec.name: spec for spec in declared}, problems)
    outputs = _wanted(document.get("outputs"), problems)
    if problems:
        raise BadInput(*problems[:_MOST_PROBLEMS])
    sent = _sent(document["inputs"])
    return InferRequest(id=request_id, inputs=inputs, outputs=outputs, tensors=sent, declared=tuple(declared))


def response(request: InferRequest, tensors: Sequence[Tensor], model: str, version: str | None) -> dict[str, object]:
    """The response to a request, with the outputs it asked for.

    Raises:
        BadInput: it asked for an output that the model doesn't give.
    """
    given = {tensor.name: tensor for tensor in tensors}
    unknown = [name for name in request.outputs if name not in given]
    if unknown:
        raise BadInput(*(f"outputs: the model gives no {name!r}; it gives {', '.join(given)}" for name in unknown))
    wanted = request.outputs or tuple(given)
    answer: dict[str, object] = {"model_name": model}
    if version is not None:
        answer["model_version"] = version
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [given[name].as_json() for name in wanted]
    return answer


def encode(document: Mapping[str, object]) -> bytes:
    """Compact JSON, all of it escaped where a text holds half of a surrogate pair, which UTF-8 has no bytes for.

    Raises:
        ValueError: it holds a NaN or an infinity, which JSON has no word for.
    """
    try:
        return json.dumps(document, separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"the body is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadInput(f"the body must be a JSON object, is {_kind(document)}")
    return document


def _no_constant(constant: str) -> NoReturn:
    message = f"{constant} is not a JSON number"
    raise ValueError(message)


def _id(value: object, problems: list[str]) -> str | None:
    if value is None or isinstance(value, str):
        return value
    problems.append(f"id: must be a string, is {_kind(value)}")
    return None


def _inputs(value: object, declared: Mapping[str, TensorSpec], problems: list[str]) -> Inputs:
    inputs = Inputs()
    if not isinstance(value, list) or not value:
        problems.append(f"inputs: must be a list of tensors, is {_kind(value)}")
        return inputs
    for index, item in enumerate(value):
        where = f"inputs[{index}]"
        if not isinstance(item, dict):
            problems.append(f"{where}: must be a tensor with name, shape, datatype and data, is {_kind(item)}")
            continue
        name = item.get("name")
        if not isinstance(name, str) or not name:
            problems.append(f"{where}.name: must be a string, is {_kind(name)}")
        elif name in inputs:
            problems.append(f"{where}.name: {name!r} comes twice")
        else:
            inputs[name] = _tensor(f"{where} ({name})", item, declared.get(name), problems)
    problems += _strangers(inputs, declared)
    return inputs


def _sent(inputs: Sequence[Mapping[str, Any]]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(name=item["name"], datatype=item["datatype"], shape=tuple(item["shape"])) for item in inputs
    )


def _strangers(inputs: Inputs, declared: Mapping[str, TensorSpec]) -> list[str]:
    if not declared:
        return []
    takes = ", ".join(declared)
    unknown = [f"inputs: the model takes no {name!r}; it takes {takes}" for name in inputs if name not in declared]
    missing = [f"inputs: {name!r} is missing" for name in declared if name not in inputs]
    return unknown + missing


def _tensor(where: str, item: Mapping[str, object], spec: TensorSpec | None, problems: list[str]) -> object:
    before = len(problems)
    datatype = item.get("datatype")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        problems.append(f"{where}.datatype: must be one of {', '.join(DATATYPES)}, is {datatype!r:.40}")
    shape = _shape(where, item.get("shape"), problems)
    if not isinstance(item.get("data"), list):
        problems.append(f"{where}.data: must be a list, is {_kind(item.get('data'))}")
    if spec is not None and len(problems) == before:
        problems += _differences(where, str(datatype), shape, spec)
    if len(problems) > before:
        return []
    found = nested(item["data"], shape, spec.datatype if spec is not None else str(datatype))
    problems += [f"{where}.data: {problem}" for problem in found.problems]
    return found.rows


def _shape(where: str, value: object, problems: list[str]) -> tuple[int, ...]:
    if not isinstance(value, list) or not value:
        problems.append(f"{where}.shape: must be a list of whole numbers, is {value!r:.60}")
    elif len(value) > _MOST_DIMENSIONS:
        problems.append(f"{where}.shape: must have at most {_MOST_DIMENSIONS} dimensions, has {len(value)}")
    elif not all(type(size) is int and size >= 0 for size in value):
        problems.append(f"{where}.shape: must be a list of whole numbers, is {value!r:.60}")
    elif max(value) > _LONGEST_DIMENSION:
        problems.append(f"{where}.shape: no dimension may be longer than {_LONGEST_DIMENSION}")
    else:
        return tuple(value)
    return ()


def _differences(where: str, datatype: str, shape: tuple[int, ...], spec: TensorSpec) -> list[str]:
    problems = []
    if DATATYPES[datatype] != DATATYPES[spec.datatype]:
        problems.append(f"{where}.datatype: the model takes {spec.datatype}, not {datatype}")
    fits = len(shape) == len(spec.shape) and all(
        want in (-1, size) for size, want in zip(shape, spec.shape, strict=True)
    )
    if not fits:
        problems.append(f"{where}.shape: the model takes {list(spec.shape)} (-1: any), not {list(shape)}")
    if 0 in shape:
        problems.append(f"{where}.shape: {list(shape)} has no rows")
    return problems


def _wanted(value: object, problems: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    named = isinstance(value, list) and all(
        isinstance(item, dict) and isinstance(item.get("name"), str) for item in value
    )
    if not isinstance(value, list) or not named:
        problems.append("outputs: must be a list of objects with a name")
        return ()
    return tuple(dict.fromkeys(item["name"] for item in value))


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "true or false", type(None): "absent"}
    if value == []:
        return "an empty list"
    return names.get(type(value), "a number")
