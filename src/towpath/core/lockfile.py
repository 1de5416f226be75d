"""Locked requirements: what a requirements file must be before an image is made from it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from towpath.core.errors import UsageError, all_at_once

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?P<extras>\[[^\]]*\])?\s*===?\s*(?P<version>[A-Za-z0-9.!+_-]+)\s*(?:;\s*(?P<marker>.+))?"
)
_HASH = re.compile(r"\s--hash[=\s]\s*(sha256:[0-9a-f]{64})")
_PASSED_ON = ("--index-url", "-i", "--extra-index-url", "--find-links", "-f", "--no-index", "--trusted-host")
_IMPLIED = ("--require-hashes", "--only-binary", "--prefer-binary")
_COMMENT = re.compile(r"(^|\s)#.*$")
_REMEDY = "lock it: uv pip compile --generate-hashes requirements.in -o requirements.txt (or pip-compile, or uv export)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """One package at one version.

    Attributes:
        name: as written.
        version: the only one that will do.
        marker: the environment it is for (`sys_platform == "linux"`); empty for all.
        hashes: of the files that will do, `sha256:…`; empty when the lock names none.
    """

    name: str
    version: str
    marker: str = ""
    hashes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}=={self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Lock:
    """A locked requirements file: its pins, and the words that say where packages come from."""

    pins: tuple[Pin, ...]
    options: tuple[str, ...] = ()

    @property
    def hashed(self) -> bool:
        """Whether every package is bound to the bytes of its files."""
        return all(pin.hashes for pin in self.pins)


def read_lock(text: str, where: str) -> Lock:
    """Read a requirements file in which everything is pinned.

    Raises:
        UsageError: every line that is not, at once, with its number.
    """
    pins: list[Pin] = []
    options: list[str] = []
    problems: list[str] = []
    for number, line in _lines(text):
        try:
            _take(line, pins, options)
        except UsageError as error:
            problems.append(f"line {number}: {error.message}")
    if any(pin.hashes for pin in pins):
        problems += [f"{pin} has no --hash although others have" for pin in pins if not pin.hashes]
    if problems:
        raise all_at_once(where, problems, _REMEDY)
    return Lock(pins=tuple(pins), options=tuple(options))


def _lines(text: str) -> Iterator[tuple[int, str]]:
    joined, first = "", 0
    for number, raw in enumerate(text.splitlines(), start=1):
        first = first or number
        line = _COMMENT.sub("", raw).rstrip()
        if line.endswith("\\"):
            joined += line[:-1] + " "
            continue
        if (joined + line).strip():
            yield first, (joined + line).strip()
        joined, first = "", 0
    if joined.strip():
        yield first, joined.strip()


def _take(line: str, pins: list[Pin], options: list[str]) -> None:
    if line.startswith("-"):
        options.extend(_option(line))
    else:
        pins.append(_pin(line))


def _option(line: str) -> tuple[str, ...]:
    word, _, value = line.replace("=", " ", 1).partition(" ")
    if word in _IMPLIED:
        return ()
    if word in _PASSED_ON:
        return (word, value.strip()) if value.strip() else (word,)
    if word in {"-r", "--requirement", "-c", "--constraint"}:
        raise UsageError(f"{line!r} reads another file; a lock is one file")
    if word in {"-e", "--editable"}:
        raise UsageError(f"{line!r} is an editable install; put the folder into `code`")
    raise UsageError(f"{line!r} is an option that changes what is installed")


def _pin(line: str) -> Pin:
    hashes = tuple(_HASH.findall(line))
    requirement = _HASH.sub("", line).strip()
    found = _PIN.fullmatch(requirement)
    if found is None or "*" in requirement:
        raise UsageError(f"{requirement!r} is not pinned to one version with ==")
    return Pin(name=found["name"], version=found["version"], marker=(found["marker"] or "").strip(), hashes=hashes)
