"""Small images for tests."""

import json
import os
from collections.abc import Sequence

from towpath.adapters.oci.blobs import BytesBlob
from towpath.core.manifests import LAYER_TAR, OCI_CONFIG, Descriptor, Manifest, write_manifest


def described(blob: BytesBlob, media_type: str = LAYER_TAR) -> Descriptor:
    return Descriptor(media_type=media_type, digest=blob.digest, size=blob.size)


def small_image(*layers: bytes, architecture: str = "amd64") -> tuple[Manifest, Sequence[BytesBlob]]:
    """An image of these layers; of one random layer when none is given."""
    blobs = [BytesBlob(content=layer) for layer in layers or (os.urandom(1000),)]
    diff_ids = [blob.digest for blob in blobs]
    document = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": diff_ids}}
    config = BytesBlob(content=json.dumps(document).encode())
    manifest = write_manifest(described(config, OCI_CONFIG), [described(blob) for blob in blobs])
    return manifest, [*blobs, config]
