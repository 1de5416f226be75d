"""Wheels for the image's platform and Python, whatever this machine runs, and their files as contents of a layer."""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import InvalidMarker, Marker

from towpath.adapters.builders.files import Content
from towpath.app.build_ports import Programs, last_line
from towpath.app.setup_ports import Finished
from towpath.core.errors import Missing, Refused, UsageError
from towpath.core.image import Platform
from towpath.core.layers import Entry, ignored
from towpath.core.lockfile import Lock, Pin

GLIBC = 28
"""Minor version of the oldest glibc 2 that bases are expected to have: Debian 10 and everything since."""

_LEGACY = {5: "manylinux1", 12: "manylinux2010", 17: "manylinux2014"}
_NO_WHEEL = re.compile(r"No matching distribution found for (\S+)")
_NO_PIP = "No module named pip"
_SHEBANG = b"#!python"


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """What wheels must run on.

    Attributes:
        platform: of the image.
        python: of its base, `3.11`.
    """

    platform: Platform
    python: str

    def __str__(self) -> str:
        return f"{self.platform}, Python {self.python}"

    @property
    def tags(self) -> tuple[str, ...]:
        """Platform tags of wheels that run there, newest glibc first."""
        machine = self.platform.machine
        newest_first = range(GLIBC, 4, -1)
        new = tuple(f"manylinux_2_{minor}_{machine}" for minor in newest_first)
        legacy = tuple(f"{_LEGACY[minor]}_{machine}" for minor in newest_first if minor in _LEGACY)
        return new + legacy

    @property
    def markers(self) -> dict[str, str]:
        """The environment that markers of a lock are asked about."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python}.0",
            "os_name": "posix",
            "platform_machine": self.platform.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python}.0",
            "python_version": self.python,
            "sys_platform": "linux",
            "extra": "",
        }


def wanted(lock: Lock, target: Target) -> tuple[Pin, ...]:
    """The pins whose marker holds on the target.

    Raises:
        UsageError: a marker that can't be read.
    """
    return tuple(pin for pin in lock.pins if not pin.marker or _holds(pin, target))


def _holds(pin: Pin, target: Target) -> bool:
    try:
        return Marker(pin.marker).evaluate(dict(target.markers))
    except InvalidMarker as error:
        raise UsageError(
            f"{pin}: {pin.marker!r} is not an environment marker", "lock the requirements again"
        ) from error


class WheelDownloads:
    """pip, asked for wheels of another platform than its own."""

    def __init__(self, programs: Programs, pip: Sequence[str]) -> None:
        self._programs = programs
        self._pip = tuple(pip)

    def fetch(self, lock: Lock, target: Target, folder: Path) -> tuple[Path, ...]:
        """Every wheel the lock wants on the target, sorted by name.

        Raises:
            Refused: a package has no wheel for the target.
            Missing: there is no pip.
        """
        pins = wanted(lock, target)
        if not pins:
            return ()
        listed = folder / "requirements.txt"
        listed.write_text("".join(f"{_line(pin)}\n" for pin in pins), encoding="utf-8")
        answer = self._programs.run(self._words(lock, target, folder, listed))
        if answer.exit_code != 0:
            raise _failure(answer, target, self._pip)
        return tuple(sorted(folder.glob("*.whl")))

    def _words(self, lock: Lock, target: Target, folder: Path, listed: Path) -> tuple[str, ...]:
        platforms = tuple(word for tag in target.tags for word in ("--platform", tag))
        version = target.python.replace(".", "")
        hashes = ("--require-hashes",) if lock.hashed else ()
        abis = ("--abi", f"cp{version}", "--abi", "abi3", "--abi", "none")
        python = ("--python-version", target.python, "--implementation", "cp")
        fixed = ("download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder))
        return (*self._pip, *fixed, *python, *abis, *platforms, *hashes, *lock.options, "-r", str(listed))


def _line(pin: Pin) -> str:
    return " ".join((str(pin), *(f"--hash={value}" for value in pin.hashes)))


def _failure(answer: Finished, target: Target, pip: Sequence[str]) -> Refused | Missing:
    said = answer.stderr + answer.stdout
    if _NO_PIP in said:
        return Missing(f"{pip[0]} has no pip", "install it there: python -m ensurepip, or uv pip install pip")
    without = _NO_WHEEL.search(said)
    if without is not None:
        return Refused(
            f"{without[1]} has no wheel for {target}",
            "lock a version that has one (its files are listed on its page of the index), set `python` or `platform`"
            " of the image to what it supports, or build the wheel and name its folder: --find-links",
        )
    if "THESE PACKAGES DO NOT MATCH THE HASHES" in said:
        return Refused("a downloaded wheel doesn't have the hash the lock names", "lock the requirements again")
    return Refused(
        f"pip couldn't download the wheels: {last_line(answer)}", "see that the package index can be reached"
    )


def wheel_contents(archives: Iterable[zipfile.ZipFile], prefix: str) -> Iterator[Content]:
    """Files of wheels as an installer would place them below `prefix`, without bytecode and without a trace of here."""
    for archive in archives:
        for member in archive.infolist():
            path = _placed(member.filename)
            if path and not member.is_dir() and not ignored(path):
                yield _member(archive, member, f"{prefix}/{path}")


def _placed(name: str) -> str:
    head, _, rest = name.partition("/")
    if not head.endswith(".data"):
        return name
    kind, _, inner = rest.partition("/")
    return {"purelib": inner, "platlib": inner, "scripts": f"bin/{inner}", "data": inner}.get(kind, "")


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: str) -> Content:
    if ".data/scripts/" in member.filename:
        text = _portable(archive.read(member))
        return Content(entry=Entry(path=path, size=len(text), executable=True), open=lambda: io.BytesIO(text))
    executable = bool((member.external_attr >> 16) & 0o111)
    entry = Entry(path=path, size=member.file_size, executable=executable)
    return Content(entry=entry, open=lambda: archive.open(member))


def _portable(script: bytes) -> bytes:
    if not script.startswith(_SHEBANG):
        return script
    return b"#!/usr/bin/env python3" + script[script.index(b"\n") :]
