import os
from dataclasses import replace

import pytest

from tests.adapters.oci.images import small_image
from tests.fakes.registry import FakeRegistry, serving
from towpath.adapters.builders.image import ImageBuilder
from towpath.adapters.oci.client import RegistryClient
from towpath.core.errors import Refused, UsageError
from towpath.core.image import BuilderName, ImageSpec, ModelSpec, Platform
from towpath.core.release import ImageRef


def model(image: str) -> ModelSpec:
    return ModelSpec(name="m", folder="/", image=ImageSpec(builder=BuilderName.IMAGE, image=image))


@pytest.fixture
def there(client: RegistryClient, fake: FakeRegistry) -> ImageRef:
    manifest, blobs = small_image(os.urandom(50_000))
    return client.push(f"{fake.host}/somewhere", manifest, blobs).image


def test_an_image_of_the_release_registry_is_taken_as_it_is(
    client: RegistryClient, fake: FakeRegistry, there: ImageRef
) -> None:
    built = ImageBuilder(client).build(model(str(there)), f"{fake.host}/m")
    assert (built.image, built.moved) == (there, 0)


def test_an_image_of_another_registry_is_copied_with_its_digest(client: RegistryClient, there: ImageRef) -> None:
    with serving(FakeRegistry()) as release:
        built = ImageBuilder(client).build(model(str(there)), f"{release.host}/m")
        assert built.image == ImageRef(repository=f"{release.host}/m", digest=there.digest)
        assert client.exists(built.image)
        assert built.moved > 50_000


def test_a_tag_is_refused_with_the_digest_it_stands_for(
    client: RegistryClient, fake: FakeRegistry, there: ImageRef
) -> None:
    client.put_manifest(there.repository, client.manifest(there.repository, there.digest), tag="v1")
    with pytest.raises(UsageError, match="by tag") as caught:
        ImageBuilder(client).build(model(f"{there.repository}:v1"), f"{fake.host}/m")
    assert str(there) in caught.value.hint


def test_a_name_without_tag_and_digest_is_refused(client: RegistryClient, there: ImageRef) -> None:
    with pytest.raises(UsageError, match="not an image by digest"):
        ImageBuilder(client).build(model(there.repository), "localhost:1/m")


def test_a_digest_that_is_not_there_is_refused(client: RegistryClient, fake: FakeRegistry, there: ImageRef) -> None:
    gone = replace(there, digest="sha256:" + "0" * 64)
    with pytest.raises(Refused, match="has no sha256:000"):
        ImageBuilder(client).build(model(str(gone)), f"{fake.host}/m")


def test_a_single_image_of_another_platform_is_refused(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image(architecture="arm64")
    image = client.push(f"{fake.host}/arm", manifest, blobs).image
    with pytest.raises(Refused, match="is for linux/arm64"):
        ImageBuilder(client).build(model(str(image)), f"{fake.host}/m")
    arm = replace(model(str(image)).image, platform=Platform(os="linux", architecture="arm64"))
    assert ImageBuilder(client).build(replace(model(""), image=arm), f"{fake.host}/m").image == image
