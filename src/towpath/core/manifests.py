"""The documents of an OCI registry: descriptors, manifests, indexes and image configs, as bytes and back."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from towpath.core.errors import Refused
from towpath.core.image import Platform

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

READABLE = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX)
INDEXES = (OCI_INDEX, DOCKER_INDEX)

_AS_OCI = {
    "application/vnd.docker.image.rootfs.diff.tar": LAYER_TAR,
    "application/vnd.docker.image.rootfs.diff.tar.gzip": LAYER_GZIP,
    "application/vnd.docker.container.image.v1+json": OCI_CONFIG,
}

Json = dict[str, Any]


def digest_of(content: bytes) -> str:
    """`sha256:` and the hex digest of these bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def canonical(document: object) -> bytes:
    """JSON whose bytes depend on nothing but its content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Descriptor:
    """What a manifest says about one blob or manifest."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""

    def as_json(self) -> Json:
        """The descriptor as manifests write it, without its platform."""
        document: Json = {"mediaType": self.media_type, "digest": self.digest, "size": self.size}
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        if self.artifact_type:
            document["artifactType"] = self.artifact_type
        return document

    def as_oci(self) -> "Descriptor":
        """The same bytes under OCI's name for their type."""
        media_type = _AS_OCI.get(self.media_type, self.media_type)
        return Descriptor(media_type=media_type, digest=self.digest, size=self.size)


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """A manifest or index exactly as it is stored; its digest is of these bytes, whatever they mean."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """Of the bytes."""
        return digest_of(self.content)

    @property
    def descriptor(self) -> Descriptor:
        """How another document names this one."""
        return Descriptor(media_type=self.media_type, digest=self.digest, size=len(self.content))

    @property
    def is_index(self) -> bool:
        """Whether it lists manifests of several platforms."""
        return self.media_type in INDEXES


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageDocument:
    """What an image manifest refers to."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Config and layers, each digest once."""
        return tuple({blob.digest: blob for blob in (self.config, *self.layers)}.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Runtime:
    """How a container of the image starts."""

    entrypoint: tuple[str, ...]
    env: Mapping[str, str]
    workdir: str
    user: str
    port: int
    labels: Mapping[str, str]


def _platform(document: Json) -> Platform | None:
    words = document.get("platform")
    if not words:
        return None
    return Platform(os=words["os"], architecture=words["architecture"], variant=words.get("variant", ""))


def _descriptor(document: Json) -> Descriptor:
    return Descriptor(
        media_type=document["mediaType"],
        digest=document["digest"],
        size=document["size"],
        platform=_platform(document),
        annotations=document.get("annotations", {}),
        artifact_type=document.get("artifactType", ""),
    )


def _parsed(content: bytes, what: str) -> Json:
    try:
        document = json.loads(content)
    except ValueError as error:
        raise Refused(f"{what} is not JSON", "build or push that image again") from error
    if not isinstance(document, dict):
        raise Refused(f"{what} is not a JSON object", "build or push that image again")
    return document


def read_image(manifest: Manifest) -> ImageDocument:
    """What an image manifest names.

    Raises:
        Refused: the document is no image manifest.
    """
    document = _parsed(manifest.content, f"manifest {manifest.digest}")
    try:
        layers = tuple(_descriptor(layer) for layer in document["layers"])
        return ImageDocument(config=_descriptor(document["config"]), layers=layers)
    except (KeyError, TypeError) as error:
        raise Refused(f"manifest {manifest.digest} is not an image manifest", "name an image by its digest") from error


def read_index(manifest: Manifest) -> tuple[Descriptor, ...]:
    """What an index lists, in its order.

    Raises:
        Refused: the document is no index.
    """
    document = _parsed(manifest.content, f"index {manifest.digest}")
    try:
        return tuple(_descriptor(entry) for entry in document["manifests"])
    except (KeyError, TypeError) as error:
        raise Refused(f"{manifest.digest} is not an image index", "name an image by its digest") from error


def choose(entries: Iterable[Descriptor], platform: Platform, where: str) -> Descriptor:
    """The first entry that runs on the platform; one that names no platform is taken when it is the only one.

    Raises:
        Refused: none fits; the message lists what there is.
    """
    listed = tuple(entries)
    for entry in listed:
        if entry.platform is not None and platform.fits(entry.platform):
            return entry
    if len(listed) == 1 and listed[0].platform is None:
        return listed[0]
    there = ", ".join(sorted({str(entry.platform) for entry in listed if entry.platform})) or "none named"
    raise Refused(
        f"{where} has no image for {platform}; it has: {there}", "choose one of these platforms, or another image"
    )


def write_manifest(config: Descriptor, layers: Iterable[Descriptor]) -> Manifest:
    """The manifest of an image; the same parts always give the same bytes."""
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": config.as_json(),
        "layers": [layer.as_json() for layer in layers],
    }
    return Manifest(media_type=OCI_MANIFEST, content=canonical(document))


def write_referrer(
    subject: Descriptor, artifact_type: str, blob: Descriptor, annotations: Mapping[str, str]
) -> Manifest:
    """The manifest of one blob that says something about `subject`."""
    empty = Descriptor(media_type=OCI_EMPTY, digest=digest_of(b"{}"), size=2)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": empty.as_json(),
        "layers": [blob.as_json()],
        "subject": subject.as_json(),
        "annotations": dict(annotations),
    }
    return Manifest(media_type=OCI_MANIFEST, content=canonical(document))


def write_index(entries: Iterable[Descriptor]) -> Manifest:
    """An index of these entries, in their order."""
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry.as_json() for entry in entries]}
    return Manifest(media_type=OCI_INDEX, content=canonical(document))


def write_config(base: bytes, diff_ids: Iterable[str], history: Iterable[str], runtime: Runtime) -> bytes:
    """An image config on top of the base's: its layers first, its environment kept unless named again.

    No time and no commit is written: the same inputs give the same bytes on another day.

    Raises:
        Refused: the base's config is none.
    """
    document = _parsed(base, "the base's config")
    added, lines = tuple(diff_ids), tuple(history)
    try:
        return canonical(_extended(document, added, lines, runtime))
    except (KeyError, TypeError, AttributeError) as error:
        raise Refused(
            "the base's config is not an image config", "name a base whose config has architecture and os"
        ) from error


def _extended(document: Json, diff_ids: tuple[str, ...], history: tuple[str, ...], runtime: Runtime) -> Json:
    old = document.get("config") or {}
    past = [{**entry, "created": _EPOCH} for entry in document.get("history") or []]
    return {
        "architecture": document["architecture"],
        "os": document["os"],
        **({"variant": document["variant"]} if document.get("variant") else {}),
        "created": _EPOCH,
        "config": _process(_environment(old.get("Env") or []) | dict(runtime.env), runtime),
        "rootfs": {"type": "layers", "diff_ids": [*_layers_below(document), *diff_ids]},
        "history": [*past, *({"created": _EPOCH, "created_by": line} for line in history)],
    }


def _layers_below(document: Json) -> list[str]:
    return (document.get("rootfs") or {}).get("diff_ids") or []


def _environment(lines: Iterable[str]) -> dict[str, str]:
    # a line without = gives a container no variable
    return {name: value for name, equals, value in (line.partition("=") for line in lines) if equals}


_EPOCH = "1970-01-01T00:00:00Z"


def _process(env: Mapping[str, str], runtime: Runtime) -> Json:
    return {
        "Entrypoint": list(runtime.entrypoint),
        "Env": [f"{name}={value}" for name, value in sorted(env.items())],
        "WorkingDir": runtime.workdir,
        "User": runtime.user,
        "ExposedPorts": {f"{runtime.port}/tcp": {}},
        "Labels": dict(runtime.labels),
        "StopSignal": "SIGTERM",
    }
