"""An OCI image layout: images in a folder, for base images where no registry can be reached."""

import json
from pathlib import Path

from towpath.adapters.oci.blobs import BlobSource, FileBlob, checked, read_all
from towpath.core.errors import Missing, Refused
from towpath.core.image import Platform
from towpath.core.manifests import (
    OCI_INDEX,
    Descriptor,
    ImageDocument,
    Manifest,
    choose,
    read_image,
    read_index,
)


class Layout:
    """One layout folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def image(self, platform: Platform) -> tuple[Manifest, ImageDocument]:
        """The image for a platform.

        Raises:
            Missing: the folder is no layout.
            Refused: it has no image for the platform, or a corrupt one.
        """
        index = self._index()
        entry = choose(read_index(index), platform, str(self._folder))
        manifest = self._manifest(entry)
        if manifest.is_index:
            manifest = self._manifest(choose(read_index(manifest), platform, str(self._folder)))
        return manifest, read_image(manifest)

    def blob(self, descriptor: Descriptor) -> BlobSource:
        """A blob of the layout."""
        algorithm, _, hexadecimal = descriptor.digest.partition(":")
        path = self._folder / "blobs" / algorithm / hexadecimal
        return FileBlob(path=path, digest=descriptor.digest, size=descriptor.size)

    def read(self, descriptor: Descriptor) -> bytes:
        """A small blob, checked against its digest."""
        blob = self.blob(descriptor)
        try:
            return read_all(checked(blob.open(), blob.digest, blob.size, str(self._folder)))
        except FileNotFoundError as error:
            raise Refused(
                f"layout {self._folder} has no blob {descriptor.digest}", "make it again: deploy setup"
            ) from error

    def _index(self) -> Manifest:
        try:
            content = (self._folder / "index.json").read_bytes()
            json.loads((self._folder / "oci-layout").read_bytes())["imageLayoutVersion"]
        except (OSError, ValueError, KeyError) as error:
            raise Missing(f"{self._folder} is not an OCI image layout", "make the base image: deploy setup") from error
        return Manifest(media_type=OCI_INDEX, content=content)

    def _manifest(self, entry: Descriptor) -> Manifest:
        return Manifest(media_type=entry.media_type, content=self.read(entry))
