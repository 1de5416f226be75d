"""What the client does when a registry misbehaves; the fake one does on request."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.oci.images import small_image
from tests.fakes.clock import FakeClock
from tests.fakes.registry import FakeRegistry, serving
from tests.support.ports import free_port
from towpath.adapters.oci import upload
from towpath.adapters.oci.blobs import FileBlob, MadeBlob
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.referrers import Referrers
from towpath.adapters.oci.transport import Transport
from towpath.core.errors import Missing, Refused
from towpath.core.manifests import read_image
from towpath.core.release import ImageRef


def test_a_busy_registry_is_asked_again_after_the_time_it_names(
    client: RegistryClient, fake: FakeRegistry, clock: FakeClock
) -> None:
    fake.faults["HEAD /blobs/"] = [(429, {"Retry-After": "7"}), (503, {})]
    manifest, blobs = small_image()
    client.push(f"{fake.host}/m", manifest, blobs)
    assert sorted(clock.slept) in ([0.25, 7.0], [0.5, 7.0])


def test_a_retry_date_is_read_as_well(client: RegistryClient, fake: FakeRegistry, clock: FakeClock) -> None:
    clock.time = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
    fake.faults["GET /manifests/"] = [(503, {"Retry-After": "Tue, 14 Nov 2023 22:13:25 GMT"})]
    with pytest.raises(Refused):
        client.manifest(f"{fake.host}/m", "v1")
    assert clock.slept == [5.0]


@pytest.mark.parametrize("asked", ["soon", "-3", "Mon, 99 Foo GMT"])
def test_a_retry_time_that_cannot_be_read_is_no_reason_to_stop(
    client: RegistryClient, fake: FakeRegistry, clock: FakeClock, asked: str
) -> None:
    fake.faults["HEAD /manifests/"] = [(503, {"Retry-After": asked})]
    assert client.digest(f"{fake.host}/m", "v1") is None
    assert clock.slept == [0.25]


def test_a_registry_that_stays_broken_is_refused_by_name(client: RegistryClient, fake: FakeRegistry) -> None:
    fake.faults["HEAD /manifests/"] = [(502, {})] * 9
    with pytest.raises(Refused, match=rf"registry {fake.host} answered 502 to HEAD /v2/m/manifests/v1"):
        client.digest(f"{fake.host}/m", "v1")
    assert len(fake.requests) == 5


def test_an_upload_that_fails_in_the_middle_begins_again_with_a_new_session(
    client: RegistryClient, fake: FakeRegistry
) -> None:
    fake.faults["PUT /blobs/uploads/"] = [(500, {})]
    manifest, blobs = small_image(os.urandom(100_000))
    client.push(f"{fake.host}/m", manifest, blobs)
    assert len(fake.asked("POST", "/blobs/uploads/")) == 3
    assert set(fake.blobs["m"]) == {blob.digest for blob in blobs}


def test_a_registry_that_refuses_one_piece_gets_chunks(client: RegistryClient, fake: FakeRegistry) -> None:
    fake.largest_body = upload.CHUNK
    manifest, blobs = small_image(os.urandom(upload.CHUNK * 2 + 5))
    transfer = client.push(f"{fake.host}/m", manifest, blobs)
    assert {blob.how for blob in transfer.blobs} == {"chunked", "sent"}
    assert len(fake.asked("PATCH")) == 3


def test_a_mount_that_is_not_given_falls_back_to_sending(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image(os.urandom(50_000))
    image = client.push(f"{fake.host}/a", manifest, blobs).image
    fake.mounts = False
    transfer = client.copy(image, f"{fake.host}/b")
    assert transfer.sent == sum(blob.size for blob in blobs)
    assert fake.asked("DELETE", "/blobs/uploads/"), "the session that a refused mount opens is given back"


@pytest.mark.parametrize("status", [401, 403, 405, 500])
def test_a_registry_that_takes_no_session_back_gets_the_image_all_the_same(
    client: RegistryClient, fake: FakeRegistry, status: int
) -> None:
    manifest, blobs = small_image(os.urandom(1000))
    image = client.push(f"{fake.host}/a", manifest, blobs).image
    fake.mounts = False
    fake.faults["DELETE /blobs/uploads/"] = [(status, {})] * 40
    client.copy(image, f"{fake.host}/b")
    assert fake.blobs["b"] == fake.blobs["a"]


def test_an_image_is_copied_between_registries(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image(os.urandom(3_000_000))
    image = client.push(f"{fake.host}/a", manifest, blobs).image
    with serving(FakeRegistry()) as other:
        transfer = client.copy(image, f"{other.host}/b")
        assert transfer.image.digest == image.digest
        assert other.blobs["b"] == fake.blobs["a"]


def test_a_corrupt_blob_is_named_and_nothing_is_written_with_it(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image(os.urandom(3_000_000))
    image = client.push(f"{fake.host}/a", manifest, blobs).image
    fake.corrupt("a", blobs[0].digest)
    with serving(FakeRegistry()) as other:
        with pytest.raises(Refused, match=rf"blob {blobs[0].digest} in {fake.host}/a is corrupt") as caught:
            client.copy(image, f"{other.host}/b")
        assert blobs[0].digest not in other.blobs.get("b", {})
        assert not other.manifests.get("b")
    assert "push the image it belongs to again" in caught.value.hint


def test_a_corrupt_manifest_is_named(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image()
    image = client.push(f"{fake.host}/a", manifest, blobs).image
    fake.corrupt_manifest("a", image.digest)
    with pytest.raises(Refused, match=rf"manifest {image.digest} in {fake.host}/a is corrupt"):
        client.manifest(image.repository, image.digest)


def test_a_source_that_changes_while_it_is_sent_is_refused(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image(b"a" * 100)
    other = MadeBlob(digest=blobs[0].digest, size=100, make=lambda: iter([b"b" * 100]))
    with pytest.raises(Refused, match="corrupt"):
        client.push(f"{fake.host}/m", manifest, [other])
    assert not fake.manifests.get("m")


def test_a_file_that_went_away_before_it_is_sent_is_named(
    client: RegistryClient, fake: FakeRegistry, clock: FakeClock, tmp_path: Path
) -> None:
    gone = FileBlob(path=tmp_path / "blob", digest="sha256:" + "a" * 64, size=3)
    with pytest.raises(Missing, match=rf"{tmp_path}/blob can't be read for {fake.host}/m: No such file"):
        client.push_blobs(f"{fake.host}/m", [gone])
    assert not clock.slept


def test_a_cut_off_download_is_read_again(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image()
    repository = f"{fake.host}/m"
    client.push(repository, manifest, blobs)
    fake.faults["GET /blobs/"] = [(200, {})]
    config = read_image(manifest).config
    with pytest.raises(Refused, match="corrupt: 0 bytes"):
        client.document(repository, config)
    assert client.document(repository, config) == blobs[-1].content


def test_a_registry_without_referrers_gets_the_tag_instead(
    client: RegistryClient, transport: Transport, fake: FakeRegistry
) -> None:
    fake.referrers = False
    manifest, blobs = small_image()
    image = client.push(f"{fake.host}/m", manifest, blobs).image
    Referrers(transport, client).attach(image, "application/x", b"{}", media_type="application/json", annotations={})
    assert image.digest.replace(":", "-") in fake.manifests["m"]


def test_no_registry_at_all_is_said_after_the_attempts(client: RegistryClient, clock: FakeClock) -> None:
    host = f"127.0.0.1:{free_port()}"
    with pytest.raises(Missing, match=f"registry {host} can't be reached"):
        client.exists(ImageRef(repository=f"{host}/m", digest="sha256:" + "0" * 64))
    assert clock.slept == [0.25, 0.5, 1.0, 2.0]


def test_the_size_of_a_source_is_part_of_what_is_checked(client: RegistryClient, fake: FakeRegistry) -> None:
    manifest, blobs = small_image()
    repository = f"{fake.host}/m"
    client.push(repository, manifest, blobs)
    config = replace(read_image(manifest).config, size=3)
    with pytest.raises(Refused, match="expected 3 bytes"):
        client.document(repository, config)


def test_a_size_that_is_no_number_is_taken_as_not_said(client: RegistryClient, fake: FakeRegistry) -> None:
    fake.faults["HEAD /blobs/"] = [(200, {"Content-Length": "abc"})]
    assert client.blob_size(f"{fake.host}/m", "sha256:" + "a" * 64) == 0
