"""What is said about an image in its own repository: signatures, attestations, provenance."""

from collections.abc import Mapping
from dataclasses import replace

from towpath.adapters.oci.blobs import BytesBlob
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.transport import Call, Transport, unexpected
from towpath.adapters.oci.upload import NOT_FOUND, OK
from towpath.core.errors import NeedsPerson
from towpath.core.manifests import OCI_INDEX, Descriptor, Manifest, read_index, write_index, write_referrer
from towpath.core.provenance import ARTIFACT_TYPE, CREATED
from towpath.core.release import ImageRef

_TRIES = 5


class Referrers:
    """Referrers of images: by the registry's own API, or by the tag that stands in for it on older registries."""

    def __init__(self, transport: Transport, client: RegistryClient) -> None:
        self._transport = transport
        self._client = client

    def attach(
        self, image: ImageRef, artifact_type: str, content: bytes, *, media_type: str, annotations: Mapping[str, str]
    ) -> ImageRef:
        """Store `content` as something said about `image`; gives back where.

        Raises:
            Refused: the registry hasn't got the image.
        """
        blob = BytesBlob(content=content)
        layer = Descriptor(media_type=media_type, digest=blob.digest, size=blob.size)
        subject = self._client.manifest(image.repository, image.digest).descriptor
        manifest = write_referrer(subject, artifact_type, layer, annotations)
        self._client.push_blobs(image.repository, (blob, BytesBlob(content=b"{}")))
        if not self._client.put_manifest_with_subject(image.repository, manifest):
            entry = replace(manifest.descriptor, artifact_type=artifact_type, annotations=annotations)
            self._tag(image, entry)
        return ImageRef(repository=image.repository, digest=manifest.digest)

    def of(self, image: ImageRef, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """Everything said about an image, of one type where it is given."""
        found = self._listed(image)
        return tuple(entry for entry in found if artifact_type in {"", entry.artifact_type})

    def _listed(self, image: ImageRef) -> tuple[Descriptor, ...]:
        call = Call(
            method="GET",
            registry=image.registry,
            url=f"/v2/{image.path}/referrers/{image.digest}",
            scopes=(f"repository:{image.path}:pull",),
            headers={"Accept": OCI_INDEX},
        )
        reply = self._transport.send(call)
        if reply.status == NOT_FOUND:
            return self._tagged(image)
        if reply.status != OK:
            raise unexpected(call, reply)
        return read_index(Manifest(media_type=OCI_INDEX, content=reply.content))

    def _tagged(self, image: ImageRef) -> tuple[Descriptor, ...]:
        tag = _tag_of(image)
        if self._client.digest(image.repository, tag) is None:
            return ()
        return read_index(self._client.manifest(image.repository, tag))

    def _tag(self, image: ImageRef, entry: Descriptor) -> None:
        # A tag can't be compared and swapped, so what another writer overwrote is written once more.
        for _ in range(_TRIES):
            there = self._tagged(image)
            if any(known.digest == entry.digest for known in there):
                return
            self._client.put_manifest(image.repository, write_index((*there, entry)), tag=_tag_of(image))
        raise NeedsPerson(
            f"the referrers of {image} are being rewritten by somebody else", "try again when they are done"
        )


class RegistryOrigins:
    """Keeps provenance as referrers of images."""

    def __init__(self, referrers: Referrers) -> None:
        self._referrers = referrers

    def say(self, image: ImageRef, provenance: bytes, created: str) -> None:
        """Attach where an image came from; the same again changes nothing."""
        self._referrers.attach(
            image, ARTIFACT_TYPE, provenance, media_type=ARTIFACT_TYPE, annotations={CREATED: created}
        )


def _tag_of(image: ImageRef) -> str:
    return image.digest.replace(":", "-")
