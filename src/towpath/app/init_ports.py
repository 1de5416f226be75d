"""What `deploy init` needs from the outside."""

from collections.abc import Mapping, Sequence
from typing import BinaryIO, Protocol


class ProjectFolder(Protocol):
    """The folder that becomes a project."""

    @property
    def name(self) -> str:
        """The folder's own name."""

    def read(self, path: str) -> bytes | None:
        """A file of it; None when there is nothing of that name.

        Raises:
            UsageError: it is there and is no file.
        """

    def link_out(self, path: str) -> str:
        """The link by which a path of it leads outside; empty when it stays inside."""

    def within(self, path: str) -> str | None:
        """The user's path relative to the project; None when it leads outside."""

    def create(self, files: Mapping[str, bytes], replacing: Mapping[str, bytes]) -> None:
        """Write all of them or none; files that appeared meanwhile are left alone.

        Args:
            files: new ones.
            replacing: new texts of files that are there.

        Raises:
            UsageError: one can't be written; the others were taken back.
        """


class UserFiles(Protocol):
    """Files that the user named, wherever they are."""

    def read(self, path: str) -> bytes:
        """Its content.

        Raises:
            UsageError: it isn't there or can't be read.
        """

    def open(self, path: str) -> BinaryIO:
        """The file, to be read and closed; raises as `read` does."""


class Scaffold(Protocol):
    """What ships with Towpath to be written into projects."""

    def templates(self) -> Mapping[str, str]:
        """Texts by name, with $words to be replaced."""

    def program(self) -> Mapping[str, bytes]:
        """The files of infra/ and stacks/."""

    def example(self) -> Mapping[str, bytes]:
        """The files of the example model, by path within its folder."""


class Packages(Protocol):
    """What is installed here."""

    def pins(self, modules: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Pins (`name==version`) of what provides the modules and of all that needs; and modules nobody provides."""
