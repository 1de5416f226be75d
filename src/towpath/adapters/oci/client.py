"""What Towpath does with registries: read, push, copy and annotate images by digest."""

import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from urllib3.exceptions import HTTPError

from towpath.adapters.oci.blobs import CHUNK, BlobSource, MadeBlob, checked, read_all
from towpath.adapters.oci.parallel import in_parallel
from towpath.adapters.oci.retry import TransientError
from towpath.adapters.oci.transport import Call, Transport, unexpected
from towpath.adapters.oci.upload import CREATED, NOT_FOUND, OK, Moved, Uploads
from towpath.adapters.oci.wire import unreachable
from towpath.core.errors import Refused
from towpath.core.image import Platform
from towpath.core.manifests import (
    READABLE,
    Descriptor,
    ImageDocument,
    Manifest,
    choose,
    read_image,
    read_index,
)
from towpath.core.release import ImageRef


@dataclass(frozen=True, kw_only=True, slots=True)
class Transfer:
    """What a push or copy did.

    Attributes:
        image: where it is now.
        blobs: how each blob got there.
    """

    image: ImageRef
    blobs: tuple[Moved, ...] = ()

    @property
    def sent(self) -> int:
        """Bytes of blobs that went over the wire."""
        return sum(blob.sent for blob in self.blobs)

    @property
    def reused(self) -> int:
        """Bytes of blobs that didn't have to."""
        return sum(blob.size - blob.sent for blob in self.blobs)


class RegistryClient:
    """Any registry, by its host in the repository's name; safe to share between threads.

    Everything read is checked against its digest. Repositories are named with their registry: `localhost:5055/model`.
    """

    def __init__(self, transport: Transport, *, parallel: int = 4) -> None:
        self._transport = transport
        self._parallel = parallel

    def exists(self, image: ImageRef) -> bool:
        """Whether the registry has a manifest of exactly that digest."""
        return self.digest(image.repository, image.digest) == image.digest

    def digest(self, repository: str, reference: str) -> str | None:
        """The digest a tag or digest stands for at this moment; None when the registry has none."""
        call = _manifest_call("HEAD", repository, reference)
        reply = self._transport.send(call)
        if reply.status == NOT_FOUND:
            return None
        if reply.status != OK:
            raise unexpected(call, reply)
        return reply.headers.get("Docker-Content-Digest") or self.manifest(repository, reference).digest

    def manifest(self, repository: str, reference: str) -> Manifest:
        """The manifest of a tag or digest, its bytes as stored.

        Raises:
            Refused: the registry hasn't got it, or what it has is corrupt.
        """
        call = _manifest_call("GET", repository, reference)
        reply = self._transport.send(call)
        if reply.status == NOT_FOUND:
            raise _absent(repository, reference)
        if reply.status != OK:
            raise unexpected(call, reply)
        media_type = reply.headers.get("Content-Type", "").partition(";")[0]
        found = Manifest(media_type=media_type, content=reply.content)
        expected = reference if ":" in reference else reply.headers.get("Docker-Content-Digest", found.digest)
        if found.digest != expected:
            raise Refused(
                f"manifest {expected} in {repository} is corrupt: its bytes have digest {found.digest}",
                "push that image again; what the registry stores is damaged",
            )
        return found

    def image(self, repository: str, reference: str, platform: Platform) -> tuple[Manifest, ImageDocument]:
        """The image manifest for a platform: the one named, or the one its index lists.

        Raises:
            Refused: the index lists none for the platform.
        """
        manifest = self.manifest(repository, reference)
        if manifest.is_index:
            entry = choose(read_index(manifest), platform, f"{repository}@{manifest.digest}")
            manifest = self.manifest(repository, entry.digest)
        return manifest, read_image(manifest)

    def put_manifest(self, repository: str, manifest: Manifest, *, tag: str = "") -> ImageRef:
        """Store a manifest under its digest, and under a tag where one is given."""
        self._put(repository, tag or manifest.digest, manifest)
        return ImageRef(repository=repository, digest=manifest.digest)

    def _put(self, repository: str, reference: str, manifest: Manifest) -> bool:
        call = _manifest_call("PUT", repository, reference, manifest)
        reply = self._transport.send(call)
        if reply.status != CREATED:
            raise unexpected(call, reply)
        answered = reply.headers.get("Docker-Content-Digest", manifest.digest)
        if answered != manifest.digest:
            raise Refused(
                f"registry stored {answered} for manifest {manifest.digest} in {repository}",
                "something between here and the registry rewrites manifests; push without it",
            )
        return "OCI-Subject" in reply.headers

    def put_manifest_with_subject(self, repository: str, manifest: Manifest) -> bool:
        """Store a manifest that names a subject; true when the registry itself will list it as a referrer."""
        return self._put(repository, manifest.digest, manifest)

    def blob_size(self, repository: str, digest: str) -> int | None:
        """Bytes of a blob; None when the repository hasn't got it."""
        return Uploads(self._transport, repository).size(digest)

    def blob(self, repository: str, descriptor: Descriptor) -> BlobSource:
        """A blob that is read from the registry when it is opened."""

        def opened() -> Iterator[bytes]:
            return checked(
                self._download(repository, descriptor.digest), descriptor.digest, descriptor.size, repository
            )

        return MadeBlob(digest=descriptor.digest, size=descriptor.size, make=opened)

    def document(self, repository: str, descriptor: Descriptor) -> bytes:
        """A small blob, such as an image's config, whole.

        Raises:
            Refused: the registry hasn't got it, or what it has is corrupt.
        """
        return self._transport.retried(lambda: read_all(self.blob(repository, descriptor).open()))

    def _download(self, repository: str, digest: str) -> Iterator[bytes]:
        registry, path = repository.split("/", 1)
        scopes = (f"repository:{path}:pull",)
        call = Call(method="GET", registry=registry, url=f"/v2/{path}/blobs/{digest}", scopes=scopes)
        response = self._transport.retried(lambda: self._transport.stream(call))
        try:
            if response.status == NOT_FOUND:
                raise _absent(repository, digest)
            if response.status != OK:
                raise Refused(f"registry {registry} answered {response.status} for blob {digest} of {path}")
            while piece := response.read(CHUNK):
                yield piece
            response.release_conn()
        except HTTPError as error:
            raise TransientError(unreachable(registry, error)) from error
        finally:
            response.close()

    def push(
        self, repository: str, manifest: Manifest, blobs: Iterable[BlobSource], sources: Sequence[str] = ()
    ) -> Transfer:
        """Push an image: its blobs in parallel, HEAD first, then its manifest by digest.

        Args:
            repository: where to.
            manifest: of the image.
            blobs: its config and layers.
            sources: paths of the same registry that blobs may be mounted from.
        """
        moved = self.push_blobs(repository, blobs, sources)
        return Transfer(image=self.put_manifest(repository, manifest), blobs=moved)

    def push_blobs(
        self, repository: str, blobs: Iterable[BlobSource], sources: Sequence[str] = ()
    ) -> tuple[Moved, ...]:
        """Make a repository have these blobs, in parallel, HEAD first; arguments as in `push`."""
        stopped = threading.Event()
        uploads = Uploads(self._transport, repository, stopped.is_set)
        try:
            return in_parallel(lambda blob: uploads.put(blob, sources), blobs, self._parallel)
        finally:
            # An interrupt or one failure ends the other uploads at their next piece, instead of after gigabytes.
            stopped.set()

    def copy(self, source: ImageRef, repository: str) -> Transfer:
        """Make another repository have the same image, with the same digest; an index with all it lists.

        Raises:
            Refused: the source is gone or corrupt; the target then has no manifest of it.
        """
        target = ImageRef(repository=repository, digest=source.digest)
        if source == target or self.exists(target):
            return Transfer(image=target)
        manifest = self.manifest(source.repository, source.digest)
        moved = self._copy_parts(source, repository, manifest)
        self.put_manifest(repository, manifest)
        return Transfer(image=target, blobs=moved)

    def _copy_parts(self, source: ImageRef, repository: str, manifest: Manifest) -> tuple[Moved, ...]:
        if manifest.is_index:
            moved: tuple[Moved, ...] = ()
            for entry in read_index(manifest):
                child = ImageRef(repository=source.repository, digest=entry.digest)
                moved += self.copy(child, repository).blobs
            return moved
        mounts = (source.path,) if source.registry == repository.split("/", 1)[0] else ()
        blobs = [self.blob(source.repository, descriptor) for descriptor in read_image(manifest).blobs]
        return self.push_blobs(repository, blobs, mounts)


def _manifest_call(method: str, repository: str, reference: str, manifest: Manifest | None = None) -> Call:
    registry, path = repository.split("/", 1)
    actions = "pull" if manifest is None else "pull,push"
    headers = {"Accept": ", ".join(READABLE)} if manifest is None else {"Content-Type": manifest.media_type}
    return Call(
        method=method,
        registry=registry,
        url=f"/v2/{path}/manifests/{reference}",
        scopes=(f"repository:{path}:{actions}",),
        headers=headers,
        body=None if manifest is None else lambda: manifest.content,
    )


def _absent(repository: str, reference: str) -> Refused:
    return Refused(
        f"{repository} has no {reference}",
        "`deploy releases` lists what was built; build it again, or copy it from where it is",
    )
