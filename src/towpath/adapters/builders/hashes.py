"""Hashes of large layers, remembered as long as no file of them has changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from towpath.adapters.builders.drafts import replace_text
from towpath.adapters.builders.files import Content, tar_pieces
from towpath.app.ports import Clock

FORMAT = 1
SETTLED = 2.0
"""Seconds a file must have been left alone before its times are believed to show the next change."""

MOST = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Hashed:
    """What is known about a layer.

    Attributes:
        digest: of its tar.
        size: of its tar, bytes.
        files: sha256 hex of every file by its path in the image.
    """

    digest: str
    size: int
    files: Mapping[str, str] = field(default_factory=dict)


class HashCache:
    """Hashes in one JSON file, by path, size, times and inode of every file of a layer.

    A file that was written a moment ago is hashed again the next time: its times couldn't show a second change.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock

    def hashed(self, layer: tuple[Content, ...]) -> Hashed:
        """Digest and size of the layer's tar, read from its files only when one of them changed.

        Raises:
            Refused: a file changed in the meantime.
        """
        before = _state(layer)
        key = hashlib.sha256(json.dumps(before).encode("utf-8", "surrogateescape")).hexdigest()
        known = self._read()
        if key in known:
            return Hashed(**known[key])
        found = _hash(layer)
        if self._settled(before) and before == _state(layer):
            self._write({**known, key: asdict(found)})
        return found

    def _settled(self, state: list[list[Any]]) -> bool:
        limit = (self._clock.now() - SETTLED) * 1e9
        return all(max(times) < limit for *_, times in state)

    def _read(self) -> dict[str, Any]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            if document["format"] != FORMAT:
                return {}
            known: dict[str, Any] = document["layers"]
        except (OSError, ValueError, KeyError, TypeError):
            return {}  # a cache that can't be read costs time, nothing else
        return known

    def _write(self, known: dict[str, Any]) -> None:
        kept = dict(list(known.items())[-MOST:])
        replace_text(self._path, json.dumps({"format": FORMAT, "layers": kept}))


def _state(layer: tuple[Content, ...]) -> list[list[Any]]:
    return [_file_state(content) for content in layer]


def _file_state(content: Content) -> list[Any]:
    entry = content.entry
    facts: list[Any] = [entry.path, entry.size, entry.executable]
    if content.file is None:
        raise ValueError(f"{entry.path} is no file, so nothing tells whether it changed")
    state = content.file.stat()
    return [
        *facts,
        str(content.file),
        state.st_size,
        state.st_dev,
        state.st_ino,
        [state.st_mtime_ns, state.st_ctime_ns],
    ]


def _hash(layer: tuple[Content, ...]) -> Hashed:
    whole, size = hashlib.sha256(), 0
    files = {content.entry.path: hashlib.sha256() for content in layer}
    for piece in tar_pieces(layer, lambda path, piece: files[path].update(piece)):
        whole.update(piece)
        size += len(piece)
    hexes = {path: running.hexdigest() for path, running in files.items()}
    return Hashed(digest=f"sha256:{whole.hexdigest()}", size=size, files=hexes)
