"""Images as OCI image layouts in the cache, written without a daemon and loaded into one."""

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
_CHUNK: Final = 1 << 20
_EPOCH: Final = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """A gzipped layer: its blob, and the digest of what is inside."""

    blob: Path
    digest: str
    size: int
    diff_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """An image in a layout folder. `image_id` is what a Docker daemon calls it once it is loaded."""

    folder: Path
    digest: str
    image_id: str


def pack_tree(root: Path, target: Path) -> Layer:
    """Pack a system's tree, all but what a running system mounts or scratches. `target` gets the gzipped tar."""
    return _pack(target, lambda archive: _add_tree(archive, root))


def pack_files(files: Mapping[str, tuple[bytes | Path, int]], target: Path) -> Layer:
    """Pack single files as path → (content or file, mode), owned by root: the same files give the same bytes."""

    def add(archive: tarfile.TarFile) -> None:
        for name in sorted(files):
            content, mode = files[name]
            raw = content.read_bytes() if isinstance(content, Path) else content
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(raw), mode
            archive.addfile(entry, io.BytesIO(raw))

    return _pack(target, add)


def write_layout(folder: Path, layers: Sequence[Layer], runtime: Mapping[str, object], architecture: str) -> Layout:
    """Write the layout of an image with these layers; `runtime` is the image's `config` (Env, Cmd, …)."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    for layer in layers:
        _link(layer.blob, blobs / layer.digest.removeprefix("sha256:"))
    config = _json(
        {
            "architecture": architecture,
            "os": "linux",
            "created": _EPOCH,
            "config": runtime,
            "rootfs": {"type": "layers", "diff_ids": [layer.diff_id for layer in layers]},
            "history": [{"created": _EPOCH, "created_by": "deploy setup"} for _ in layers],
        },
    )
    config_digest = _put(blobs, config)
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": _descriptor(_CONFIG, config_digest, len(config)),
            "layers": [_descriptor(_LAYER, layer.digest, layer.size) for layer in layers],
        },
    )
    digest = _put(blobs, manifest)
    index = {"schemaVersion": 2, "manifests": [_descriptor(_MANIFEST, digest, len(manifest))]}
    (folder / "index.json").write_bytes(_json(index))
    (folder / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    return Layout(folder=folder, digest=digest, image_id=config_digest)


def read_layout(folder: Path) -> tuple[Layout, list[Layer]]:
    """The image in a layout that `write_layout` wrote, with its layers."""
    digest = str(json.loads((folder / "index.json").read_bytes())["manifests"][0]["digest"])
    manifest = json.loads(_blob(folder, digest).read_bytes())
    image_id = str(manifest["config"]["digest"])
    diff_ids = json.loads(_blob(folder, image_id).read_bytes())["rootfs"]["diff_ids"]
    layers = [
        Layer(blob=_blob(folder, entry["digest"]), digest=entry["digest"], size=entry["size"], diff_id=diff_id)
        for entry, diff_id in zip(manifest["layers"], diff_ids, strict=True)
    ]
    return Layout(folder=folder, digest=digest, image_id=image_id), layers


def docker_archive(layout: Layout, reference: str) -> Iterator[bytes]:
    """The image as a stream of what `docker load` takes, old daemons and new, named `reference`."""
    _, layers = read_layout(layout.folder)
    index = json.loads((layout.folder / "index.json").read_bytes())
    index["manifests"][0]["annotations"] = {"io.containerd.image.name": f"docker.io/{reference}"}
    named = [
        {
            "Config": _blob_name(layout.image_id),
            "RepoTags": [reference],
            "Layers": [_blob_name(layer.digest) for layer in layers],
        },
    ]
    yield from _entry("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
    yield from _entry("index.json", _json(index))
    yield from _entry("manifest.json", _json(named))
    for digest in dict.fromkeys([layout.digest, layout.image_id, *(layer.digest for layer in layers)]):
        yield from _file_entry(_blob_name(digest), _blob(layout.folder, digest))
    yield bytes(2 * tarfile.BLOCKSIZE)


class _Writes(Protocol):
    def write(self, data: bytes, /) -> int: ...


class _Digesting(io.RawIOBase):
    """Passes bytes on and knows their digest and number."""

    def __init__(self, target: _Writes) -> None:
        self._target = target
        self._sha = hashlib.sha256()
        self.size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes, /) -> int:  # type: ignore[override]  # narrower than Buffer: only bytes come here
        self._sha.update(data)
        self.size += len(data)
        self._target.write(data)
        return len(data)

    @property
    def digest(self) -> str:
        return f"sha256:{self._sha.hexdigest()}"


def _pack(target: Path, add: Callable[[tarfile.TarFile], None]) -> Layer:
    with target.open("wb") as file:
        packed = _Digesting(file)
        # level 1: packing a base at 6 takes three times as long for a tenth less
        with gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=packed, mtime=0) as zipped:
            plain = _Digesting(zipped)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                add(archive)
    return Layer(blob=target, digest=packed.digest, size=packed.size, diff_id=plain.digest)


_EMPTIED: Final = frozenset(
    {"dev", "proc", "run", "sys", "tmp", "var/cache", "var/lib/apt/lists", "var/log", "var/tmp"}
)
UNWANTED: Final = ("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info")
_THIS_MACHINES: Final = ("etc/hostname", "etc/resolv.conf")  # Docker puts a container's own in their place


def _add_tree(archive: tarfile.TarFile, root: Path) -> None:
    for folder, names, files in os.walk(root):
        inside = os.path.relpath(folder, root)
        names[:] = _kept(inside, names)
        for name in sorted([*names, *_kept(inside, files)]):
            archive.add(Path(folder, name), os.path.normpath(f"{inside}/{name}"), recursive=False)
        names[:] = [name for name in names if os.path.normpath(f"{inside}/{name}") not in _EMPTIED]


def _kept(inside: str, names: list[str]) -> list[str]:
    dropped = (*UNWANTED, *_THIS_MACHINES)
    return sorted(name for name in names if os.path.normpath(f"{inside}/{name}") not in dropped)


def _entry(name: str, content: bytes) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    yield info.tobuf() + content + bytes(-len(content) % tarfile.BLOCKSIZE)


def _file_entry(name: str, path: Path) -> Iterator[bytes]:
    info = tarfile.TarInfo(name)
    info.size = path.stat().st_size
    yield info.tobuf()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
    yield bytes(-info.size % tarfile.BLOCKSIZE)


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _put(blobs: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    (blobs / name).write_bytes(content)
    return f"sha256:{name}"


def _descriptor(media_type: str, digest: str, size: int) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest, "size": size}


def _blob(folder: Path, digest: str) -> Path:
    return folder / _blob_name(digest)


def _blob_name(digest: str) -> str:
    return f"blobs/sha256/{digest.removeprefix('sha256:')}"


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
