"""The folder that becomes a project, and what ships with Towpath to be written into it."""

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO

from towpath.adapters.toolchain.cache import write_whole
from towpath.core.errors import UsageError

_LEFT_OUT = frozenset({"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "weights"})
_TRAINED = frozenset({"metrics.json", "holdout.jsonl", "reference.json"})


@dataclass(frozen=True, kw_only=True, slots=True)
class RealProject:
    """A folder on this machine; it is made when the first file is written."""

    root: Path

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.root.name

    def read(self, path: str) -> bytes | None:
        """A file of it; None when there is nothing of that name."""
        file = self.root / path
        try:
            return file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UsageError(f"{file} can't be read: {error.strerror}", "move it away") from error

    def within(self, path: str) -> str | None:
        """The user's path relative to the project; None when it leads outside."""
        folder, root = Path(path).resolve(), self.root.resolve()
        return str(folder.relative_to(root)) if folder.is_relative_to(root) else None

    def link_out(self, path: str) -> str:
        """The link by which a path of it leads outside; empty when it stays inside."""
        root = os.path.realpath(self.root)
        places = [*reversed(PurePath(path).parents), PurePath(path)]
        out = (place for place in places if not Path(os.path.realpath(self.root / place)).is_relative_to(root))
        return str(next(out, ""))

    def create(self, files: Mapping[str, bytes], replacing: Mapping[str, bytes]) -> None:
        """Write all of them or none; what is replaced is replaced at once."""
        made: list[Path] = []
        try:
            for path, content in files.items():
                with _writable(self.root / path):
                    _create(self.root / path, content, made)
            for path, content in replacing.items():
                with _writable(self.root / path):
                    _replace((self.root / path).resolve(), content)
        except BaseException:
            _take_back(made)
            raise


class RealUserFiles:
    """Files that the user named."""

    def read(self, path: str) -> bytes:
        """Its content."""
        with _readable(path):
            return Path(path).read_bytes()

    def open(self, path: str) -> BinaryIO:
        """The file, to be read and closed."""
        with _readable(path):
            return Path(path).open("rb")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShippedScaffold:
    """What is beside the installed package; in a source checkout, what is at its root.

    Attributes:
        package: folder of the installed `towpath`.
    """

    package: Path

    def templates(self) -> Mapping[str, str]:
        """Texts by name."""
        folder = self.package / "scaffold" / "templates"
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}

    def program(self) -> Mapping[str, bytes]:
        """The files of infra/ and stacks/."""
        return {
            f"{name}/{path}": content
            for name in ("infra", "stacks")
            for path, content in _files(self._shipped(name, name)).items()
        }

    def example(self) -> Mapping[str, bytes]:
        """The files of the example model, without what training writes."""
        files = _files(self._shipped("example", "examples/breast-cancer"))
        return {path: content for path, content in files.items() if path not in _TRAINED}

    def _shipped(self, installed: str, in_checkout: str) -> Path:
        shipped = self.package / "scaffold" / installed
        return shipped if shipped.is_dir() else self.package.parent.parent / in_checkout


def program_hash(root: Path) -> str:
    """SHA-256 of the program that draws the stacks: every file of infra/ and stacks/, and Pulumi.yaml.

    A promotion pins it, because steps of one must not be drawn by two programs.
    """
    digest = hashlib.sha256()
    for folder in ("infra", "stacks"):
        for path, content in _files(root / folder).items():
            digest.update(f"{folder}/{path}\0{len(content)}\0".encode() + content)
    digest.update((root / "Pulumi.yaml").read_bytes() if (root / "Pulumi.yaml").is_file() else b"")
    return digest.hexdigest()


def _create(file: Path, content: bytes, made: list[Path]) -> None:
    _make_folder(file.parent, made)
    with file.open("xb") as stream:
        made.append(file)
        stream.write(content)


def _make_folder(folder: Path, made: list[Path]) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent, made)
    folder.mkdir()
    made.append(folder)


def _replace(file: Path, content: bytes) -> None:
    write_whole(file, content, stat.S_IMODE(file.stat().st_mode))


def _take_back(made: list[Path]) -> None:
    for path in reversed(made):
        with contextlib.suppress(OSError):  # somebody else put something into it
            path.rmdir() if path.is_dir() else path.unlink()


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}; nothing was kept") from error


@contextlib.contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error


def _files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    inner = ((path.relative_to(folder), path) for path in found)
    return {str(name): path.read_bytes() for name, path in inner if not _LEFT_OUT.intersection(name.parts)}
