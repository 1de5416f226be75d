"""Layers from contents: weights plain and never copied, code packed in memory, dependencies packed in the cache."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from towpath.adapters.builders.drafts import draft_in, replace_text
from towpath.adapters.builders.files import Content, Layer, gzipped, tar_pieces
from towpath.adapters.builders.hashes import HashCache, Hashed
from towpath.adapters.oci.blobs import BlobSource, BytesBlob, FileBlob, MadeBlob
from towpath.core.layers import tar_size
from towpath.core.manifests import LAYER_GZIP, LAYER_TAR, Descriptor

IN_MEMORY = 8 * 1024 * 1024
"""Bytes of a tar up to which it is packed in memory; a larger one goes as it is."""


def plain_layer(layer: tuple[Content, ...], about: str, cache: HashCache) -> tuple[Layer, Hashed]:
    """A layer as an uncompressed tar, made anew from its files whenever it is read.

    Weights hardly compress (8 %), and a tar that is its own diff_id needs one hash, no copy and no time to unpack.
    """
    hashed = cache.hashed(layer)
    descriptor = Descriptor(media_type=LAYER_TAR, digest=hashed.digest, size=hashed.size)
    blob = MadeBlob(digest=hashed.digest, size=hashed.size, make=lambda: tar_pieces(layer))
    return Layer(descriptor=descriptor, diff_id=hashed.digest, blob=blob, about=about), hashed


def small_layer(layer: tuple[Content, ...], about: str, cache: HashCache) -> Layer:
    """A layer of code: packed while it is small, plain when somebody put large files beside the code."""
    if tar_size(content.entry for content in layer) > IN_MEMORY:
        return plain_layer(layer, about, cache)[0]
    tar = b"".join(tar_pieces(layer))
    blob = BytesBlob(content=b"".join(gzipped([tar])))
    return _packed(blob, f"sha256:{hashlib.sha256(tar).hexdigest()}", about)


def _packed(blob: BlobSource, diff_id: str, about: str) -> Layer:
    descriptor = Descriptor(media_type=LAYER_GZIP, digest=blob.digest, size=blob.size)
    return Layer(descriptor=descriptor, diff_id=diff_id, blob=blob, about=about)


class PackedLayers:
    """Packed layers of the user's cache folder, by the key of what they were made from."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, about: str) -> Layer | None:
        """The layer of that key, if it was made before and is whole."""
        try:
            known = json.loads((self._folder / f"{key}.json").read_text(encoding="utf-8"))
            path = self._folder / known["file"]
            if path.stat().st_size != known["size"]:
                return None
        except (OSError, ValueError, KeyError):
            return None
        return _packed(FileBlob(path=path, digest=known["digest"], size=known["size"]), known["diff_id"], about)

    def make(self, key: str, about: str, layer: Iterable[Content]) -> Layer:
        """Pack a layer and keep it; an interrupted one leaves nothing that counts."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with draft_in(self._folder) as draft:
            blob, diff_id = _write(layer, draft)
            final = self._folder / f"{blob.digest.removeprefix('sha256:')}.tar.gz"
            draft.replace(final)
        known = {"file": final.name, "digest": blob.digest, "size": blob.size, "diff_id": diff_id}
        replace_text(self._folder / f"{key}.json", json.dumps(known))
        return _packed(FileBlob(path=final, digest=blob.digest, size=blob.size), diff_id, about)


def _write(layer: Iterable[Content], draft: Path) -> tuple[FileBlob, str]:
    tar, packed, size = hashlib.sha256(), hashlib.sha256(), 0

    def hashed() -> Iterator[bytes]:
        for piece in tar_pieces(layer):
            tar.update(piece)
            yield piece

    with draft.open("wb") as file:
        for piece in gzipped(hashed()):
            packed.update(piece)
            size += file.write(piece)
    return FileBlob(path=draft, digest=f"sha256:{packed.hexdigest()}", size=size), f"sha256:{tar.hexdigest()}"
