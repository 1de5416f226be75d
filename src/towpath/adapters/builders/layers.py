"""An image assembled here, without Docker: base, dependencies, weights, kit and code, each a layer of its own."""

import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from towpath.adapters.builders.bases import Base, Bases
from towpath.adapters.builders.dependencies import Dependencies
from towpath.adapters.builders.files import Content, Layer, contents, inside, walk
from towpath.adapters.builders.hashes import HashCache
from towpath.adapters.builders.kit import Kit
from towpath.adapters.builders.packing import plain_layer, small_layer
from towpath.adapters.builders.wheels import Target
from towpath.adapters.oci.blobs import BytesBlob
from towpath.adapters.oci.client import RegistryClient
from towpath.app.build_ports import Built
from towpath.core.image import KIT_PORT, ImageSpec, ModelSpec
from towpath.core.layers import split_weights
from towpath.core.manifests import OCI_CONFIG, Descriptor, Runtime, write_config, write_manifest

HOME = "app"
DEPENDENCIES = "opt/towpath/dependencies"
KIT_DEPENDENCIES = "opt/towpath/kit-dependencies"
KIT = "opt/towpath/kit"
REFERENCE = "reference.json"  # written by training: where the kit counts predictions
NOBODY = "65532:65532"


class LayersBuilder:
    """Assembles and pushes; the same inputs give the same digest on another day and from another folder."""

    def __init__(
        self, *, client: RegistryClient, bases: Bases, dependencies: Dependencies, kit: Kit, hashes: HashCache
    ) -> None:
        self._client = client
        self._bases = bases
        self._dependencies = dependencies
        self._kit = kit
        self._hashes = hashes

    def build(self, model: ModelSpec, repository: str) -> Built:
        """Assemble the image and push what the registry hasn't got."""
        base = self._bases.find(model.image.base, model.image.platform)
        layers = self._layers(model)
        config = BytesBlob(
            content=write_config(
                base.config,
                (layer.diff_id for layer in layers),
                (layer.about for layer in layers),
                _runtime(model),
            )
        )
        descriptor = Descriptor(media_type=OCI_CONFIG, digest=config.digest, size=config.size)
        manifest = write_manifest(descriptor, (*base.layers, *(layer.descriptor for layer in layers)))
        blobs = (*(base.blob(layer) for layer in base.layers), *(layer.blob for layer in layers), config)
        transfer = self._client.push(repository, manifest, blobs, _mounts(base, repository))
        return Built(image=transfer.image, base=base.name, moved=transfer.sent, reused=transfer.reused)

    def _layers(self, model: ModelSpec) -> tuple[Layer, ...]:
        target = Target(platform=model.image.platform, python=model.image.python)
        folder = Path(model.folder)
        kit = self._dependencies.layer(self._kit.lock, target, KIT_DEPENDENCIES)
        own = model.image.requirements
        needed = (self._dependencies.layer(inside(folder, own), target, DEPENDENCIES),) if own else ()
        code = small_layer(contents(code_files(folder, model.image), HOME), f"{HOME}: code", self._hashes)
        return (kit, *needed, *self._weights(folder, model.image), self._kit.layer(KIT, self._hashes), code)

    def _weights(self, folder: Path, spec: ImageSpec) -> tuple[Layer, ...]:
        found = contents(walk(folder, spec.weights), HOME)
        by_path: dict[str, Content] = {content.entry.path: content for content in found}
        parts = split_weights(content.entry for content in found)
        grouped = (tuple(by_path[entry.path] for entry in part) for part in parts)
        return tuple(plain_layer(part, f"{HOME}: weights", self._hashes)[0] for part in grouped)


def code_files(folder: Path, spec: ImageSpec) -> tuple[tuple[str, Path], ...]:
    """The user's code without the weights, which have layers of their own; with what the kit counts predictions at."""
    reference = (REFERENCE,) if (folder / REFERENCE).is_file() and REFERENCE not in spec.code else ()
    return walk(folder, (*spec.code, *reference), leave_out=spec.weights)


def _mounts(base: Base, repository: str) -> tuple[str, ...]:
    there, _, path = base.repository.partition("/")
    return (path,) if there and there == repository.partition("/")[0] else ()


def _runtime(model: ModelSpec) -> Runtime:
    spec = model.image
    return Runtime(
        entrypoint=("python3", "-m", "towpath.serving", spec.command),
        env={**_environment(model), **spec.env},
        workdir=f"/{HOME}",
        user=NOBODY,
        port=KIT_PORT,
        labels={"org.opencontainers.image.title": model.name, "dev.towpath.builder": str(spec.builder)},
    )


def _environment(model: ModelSpec) -> Mapping[str, str]:
    # The user's own pins come before the kit's, and code before both.
    places = (HOME, DEPENDENCIES, KIT_DEPENDENCIES, KIT)
    return {
        "PYTHONPATH": ":".join(f"/{place}" for place in places),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "HOME": "/tmp",  # noqa: S108 - the one folder of a container that this user may write to
        "TOWPATH_MODEL": model.name,
        "TOWPATH_PORT": str(KIT_PORT),
        **({"TOWPATH_WEIGHTS": weights_folder(model)} if model.image.weights else {}),
    }


def weights_folder(model: ModelSpec) -> str:
    """Where the kit gives `load` its files: the folder that was named, or the one that holds all that was.

    Relative to the code; the kit's default where none was named.
    """
    if not model.image.weights:
        return "weights"
    folder = Path(model.folder)
    names = [name if (folder / name).is_dir() else str(PurePosixPath(name).parent) for name in model.image.weights]
    return os.path.commonpath(names) or "."
