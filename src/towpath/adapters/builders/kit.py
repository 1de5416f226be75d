"""The serving kit as a layer: copied from the installed package, because no index has it."""

from dataclasses import dataclass
from pathlib import Path

from towpath.adapters.builders.files import Layer, contents, walk
from towpath.adapters.builders.hashes import HashCache
from towpath.adapters.builders.packing import small_layer


@dataclass(frozen=True, kw_only=True, slots=True)
class Kit:
    """The kit's files.

    Attributes:
        package: folder of the installed `towpath`.
    """

    package: Path

    @property
    def lock(self) -> Path:
        """The locked requirements of the kit itself."""
        return self.package / "serving" / "requirements.lock"

    @property
    def files(self) -> tuple[tuple[str, Path], ...]:
        """The kit and the package's root, which makes it importable; nothing else of Towpath."""
        return walk(self.package, ("__init__.py", "serving"))

    def layer(self, prefix: str, hashes: HashCache) -> Layer:
        """The kit below `prefix`."""
        return small_layer(contents(self.files, f"{prefix}/towpath"), f"{prefix}: serving kit", hashes)
