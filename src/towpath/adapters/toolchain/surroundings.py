"""The places and variables that everything in this package is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """Where this checkout keeps its state, where this user keeps caches, and the environment programs get.

    Attributes:
        state: folder of the local state of the checkout.
        cache: folder shared by all checkouts of this user.
        env: environment variables of the command.
        python: interpreter that runs programs and their dynamic providers.
        root: whether this user may install packages and unpack systems.
    """

    state: Path
    cache: Path
    env: Mapping[str, str] = field(repr=False)
    python: str
    root: bool


def cache_folder(env: Mapping[str, str], home: Path) -> Path:
    """The user's cache folder for all checkouts."""
    chosen = env.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if chosen else home / ".cache") / "towpath"
