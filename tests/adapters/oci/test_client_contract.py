"""What the client promises, on the fake registry and on the real one."""

import os

import pytest

from tests.adapters.oci.images import small_image
from towpath.adapters.oci.blobs import BytesBlob
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.referrers import Referrers
from towpath.adapters.oci.transport import Transport
from towpath.core.errors import Refused
from towpath.core.image import Platform
from towpath.core.manifests import OCI_INDEX, Manifest, canonical, read_image
from towpath.core.release import ImageRef

AMD64 = Platform(os="linux", architecture="amd64")
ARM64 = Platform(os="linux", architecture="arm64")
NOWHERE = "sha256:" + "0" * 64


def pushed(client: RegistryClient, repository: str, architecture: str = "amd64") -> ImageRef:
    manifest, blobs = small_image(os.urandom(2_000_000), os.urandom(10), architecture=architecture)
    return client.push(repository, manifest, blobs).image


def test_a_pushed_image_reads_back_with_the_digest_it_was_pushed_with(client: RegistryClient, repository: str) -> None:
    manifest, blobs = small_image(os.urandom(3_000_000))
    transfer = client.push(repository, manifest, blobs)
    found = client.manifest(repository, transfer.image.digest)
    assert found == manifest
    layer = read_image(found).layers[0]
    assert b"".join(client.blob(repository, layer).open()) == blobs[0].content
    assert transfer.sent == sum(blob.size for blob in blobs)


def test_a_second_push_sends_no_blob(client: RegistryClient, repository: str) -> None:
    manifest, blobs = small_image(os.urandom(3_000_000))
    client.push(repository, manifest, blobs)
    again = client.push(repository, manifest, blobs)
    assert again.sent == 0
    assert {blob.how for blob in again.blobs} == {"there"}


def test_an_empty_blob_can_be_pushed(client: RegistryClient, repository: str) -> None:
    (moved,) = client.push_blobs(repository, [BytesBlob(content=b"")])
    assert client.blob_size(repository, moved.digest) == 0


def test_a_copy_inside_a_registry_mounts_and_keeps_the_digest(client: RegistryClient, repository: str) -> None:
    image = pushed(client, repository)
    transfer = client.copy(image, f"{repository}-prod")
    assert transfer.image == ImageRef(repository=f"{repository}-prod", digest=image.digest)
    assert transfer.sent == 0
    assert {blob.how for blob in transfer.blobs} == {"mounted"}
    assert client.exists(transfer.image)


def test_an_image_that_is_there_already_is_not_copied_again(client: RegistryClient, repository: str) -> None:
    image = pushed(client, repository)
    client.copy(image, f"{repository}-prod")
    assert client.copy(image, f"{repository}-prod").blobs == ()


def test_a_digest_the_registry_has_not_got_is_no_image(client: RegistryClient, repository: str) -> None:
    pushed(client, repository)
    assert not client.exists(ImageRef(repository=repository, digest=NOWHERE))
    with pytest.raises(Refused, match=f"has no {NOWHERE}"):
        client.manifest(repository, NOWHERE)


def test_a_repository_that_was_never_pushed_to_has_no_image(client: RegistryClient, repository: str) -> None:
    assert not client.exists(ImageRef(repository=repository, digest=NOWHERE))


def test_a_tag_resolves_to_the_digest_it_stands_for(client: RegistryClient, repository: str) -> None:
    manifest, blobs = small_image()
    client.push(repository, manifest, blobs)
    client.put_manifest(repository, manifest, tag="v1")
    assert client.digest(repository, "v1") == manifest.digest
    assert client.digest(repository, "v2") is None


def test_an_index_is_read_for_the_platform_and_copied_whole(client: RegistryClient, repository: str) -> None:
    children = {
        name: client.manifest(repository, pushed(client, repository, name).digest) for name in ("amd64", "arm64")
    }
    entries = [
        {**child.descriptor.as_json(), "platform": {"os": "linux", "architecture": name}}
        for name, child in children.items()
    ]
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    index = client.put_manifest(repository, Manifest(media_type=OCI_INDEX, content=canonical(document)))
    assert client.image(repository, index.digest, ARM64)[0] == children["arm64"]

    copied = client.copy(index, f"{repository}-copy")
    assert copied.image.digest == index.digest
    assert client.image(f"{repository}-copy", index.digest, AMD64)[0] == children["amd64"]
    with pytest.raises(Refused, match=r"linux/arm64/v9; it has: linux/amd64, linux/arm64|linux/amd64"):
        client.image(repository, index.digest, Platform(os="windows", architecture="amd64"))


def test_what_is_said_about_an_image_is_found_at_it(
    client: RegistryClient, transport: Transport, repository: str
) -> None:
    image, referrers = pushed(client, repository), Referrers(transport, client)
    kinds = ("application/vnd.example.one+json", "application/vnd.example.two+json")
    for kind in kinds:
        where = referrers.attach(image, kind, b'{"a": 1}', media_type="application/json", annotations={"k": "v"})
        assert client.exists(where)
    assert {entry.artifact_type for entry in referrers.of(image)} == set(kinds)
    assert len(referrers.of(image, kinds[0])) == 1
