"""How people write durations, sizes and cores: `90s`, `512Mi`, `500m`."""

import re
from typing import Annotated, Final

from pydantic import BeforeValidator, WithJsonSchema

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES: Final = {
    "": 1,
    "k": 10**3,
    "M": 10**6,
    "G": 10**9,
    "T": 10**12,
    "Ki": 2**10,
    "Mi": 2**20,
    "Gi": 2**30,
    "Ti": 2**40,
}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)([kMGT]i?|Ki)?")
_CORES: Final = re.compile(r"(\d+)m|(\d+(?:\.\d+)?)")

DURATION_FORM: Final = 'a duration such as "90s", "5m" or "1h30m"'
SIZE_FORM: Final = 'a size such as "512Mi" or "2Gi"'
CORES_FORM: Final = 'cores such as "500m" or "2"'


def parse_duration(value: object) -> float:
    """Seconds of `90s`, `1h30m` or `250ms`; a bare number has no unit and is refused, but for 0.

    Raises:
        ValueError: with what would be valid.
    """
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    text = value.strip() if isinstance(value, str) else ""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(DURATION_FORM)
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back as the same milliseconds: `1m30s`."""
    left = round(seconds * 1000)
    words = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"


def parse_bytes(value: object) -> int:
    """Bytes of `512Mi`, `2G` or a whole number.

    Raises:
        ValueError: with what would be valid.
    """
    text = str(value) if isinstance(value, int | str) and not isinstance(value, bool) else ""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(SIZE_FORM)
    return int(float(found[1]) * _BYTES[found[2] or ""])


def parse_cpu(value: object) -> int:
    """Thousandths of a core of `500m`, `"2"`, 2 or 0.5.

    Raises:
        ValueError: with what would be valid.
    """
    text = str(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else ""
    found = _CORES.fullmatch(text.strip())
    if found is None:
        raise ValueError(CORES_FORM)
    return int(found[1]) if found[1] else round(float(found[2]) * 1000)


Seconds = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$", "examples": ["90s", "1h30m"]}),
]
Bytes = Annotated[
    int,
    BeforeValidator(parse_bytes),
    WithJsonSchema(
        {"type": ["string", "integer"], "pattern": r"^\d+(\.\d+)?([kMGT]|[KMGT]i)?$", "examples": ["512Mi"]}
    ),
]
MilliCores = Annotated[
    int,
    BeforeValidator(parse_cpu),
    WithJsonSchema({"type": ["string", "number"], "pattern": r"^(\d+m|\d+(\.\d+)?)$", "examples": ["500m", "2"]}),
]
