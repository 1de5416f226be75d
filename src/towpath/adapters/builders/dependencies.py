"""The layer of locked dependencies, made once for a lock, a platform and a Python."""

import contextlib
import hashlib
import tempfile
import zipfile
import zlib
from pathlib import Path

from towpath.adapters.builders.files import Layer
from towpath.adapters.builders.packing import PackedLayers
from towpath.adapters.builders.wheels import Target, WheelDownloads, wanted, wheel_contents
from towpath.core.lockfile import Lock, read_lock
from towpath.core.manifests import canonical

FORMAT = 1
"""Of the layer: a change in how wheels are placed makes older cached layers unknown."""


class Dependencies:
    """Layers of wheels, from the user's cache when the same were made before."""

    def __init__(self, downloads: WheelDownloads, cache: PackedLayers) -> None:
        self._downloads = downloads
        self._cache = cache

    def layer(self, requirements: Path, target: Target, prefix: str) -> Layer:
        """The wheels of a lock, placed below `prefix`.

        Raises:
            UsageError: a line isn't pinned; all of them at once.
            Refused: a package has no wheel for the target.
        """
        lock = read_lock(requirements.read_text(encoding="utf-8"), requirements.name)
        about = f"{prefix}: dependencies of {requirements.name} for {target}"
        key = _key(lock, target, prefix)
        known = self._cache.get(key, about)
        if known is not None:
            return known
        with tempfile.TemporaryDirectory(prefix="towpath-wheels-") as folder, contextlib.ExitStack() as opened:
            wheels = self._downloads.fetch(lock, target, Path(folder))
            archives = [opened.enter_context(zipfile.ZipFile(wheel)) for wheel in wheels]
            return self._cache.make(key, about, wheel_contents(archives, prefix))


def _key(lock: Lock, target: Target, prefix: str) -> str:
    pins = [[str(pin), sorted(pin.hashes)] for pin in wanted(lock, target)]
    # Another zlib compresses to other bytes; a layer of one must not be taken for the other's.
    facts = [FORMAT, sorted(pins), list(lock.options), str(target), prefix, zlib.ZLIB_RUNTIME_VERSION]
    return hashlib.sha256(canonical(facts)).hexdigest()
