"""Where a registry sends its client on to, and what goes along."""

import os
from collections.abc import Iterator

import pytest
import urllib3

from tests.adapters.oci.logins import OneLogin
from tests.fakes.clock import FakeClock
from tests.fakes.registry import FakeRegistry, serving
from towpath.adapters.oci.blobs import BytesBlob
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.credentials import Login
from towpath.adapters.oci.transport import Transport
from towpath.adapters.oci.urls import joined, same_origin
from towpath.core.errors import Refused
from towpath.core.manifests import Descriptor

ME = Login(user="me", secret="bait-secret")


@pytest.fixture
def other() -> Iterator[FakeRegistry]:
    with serving(FakeRegistry()) as registry:
        yield registry


@pytest.fixture
def with_login() -> Iterator[RegistryClient]:
    pool = urllib3.PoolManager(maxsize=16, timeout=5)
    yield RegistryClient(Transport(credentials=OneLogin(ME), clock=FakeClock(), pool=pool, attempts=1))
    pool.clear()


@pytest.mark.parametrize(
    "location",
    [
        "/v2/{repository}/blobs/uploads/{session}",
        "http://{host}/v2/{repository}/blobs/uploads/{session}?a=b",
        "//{host}/v2/{repository}/blobs/uploads/{session}",
        "{session}",
        "?_state={session}",
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_goes_on_wherever_its_session_is_named(
    with_login: RegistryClient,
    fake: FakeRegistry,
    location: str,
    chunked: bool,  # noqa: FBT001 - a table
) -> None:
    fake.login, fake.location = ("me", "bait-secret"), location
    if chunked:
        fake.faults["PUT /blobs/uploads/"] = [(405, {})]
    blob = BytesBlob(content=os.urandom(1000))
    with_login.push_blobs(f"{fake.host}/m", [blob])
    assert fake.blobs["m"] == {blob.digest: blob.content}


def test_a_redirected_upload_is_sent_again_from_its_start_and_without_the_login(
    with_login: RegistryClient, fake: FakeRegistry, other: FakeRegistry
) -> None:
    fake.login, fake.scheme = ("me", "bait-secret"), "basic"
    blob = BytesBlob(content=os.urandom(100_000))
    there = f"http://{other.host}/v2/m/blobs/uploads/{other.open_session()}?digest={blob.digest}"
    fake.faults["PUT /blobs/uploads/"] = [(307, {"Location": there})]
    with_login.push_blobs(f"{fake.host}/m", [blob])
    assert other.blobs["m"] == {blob.digest: blob.content}
    assert other.authorizations == [None]


def test_a_redirect_within_the_registry_keeps_the_login(with_login: RegistryClient, fake: FakeRegistry) -> None:
    fake.login, fake.scheme = ("me", "bait-secret"), "basic"
    with_login.digest(f"{fake.host}/m", "v1")
    fake.faults["HEAD /manifests/v1"] = [(307, {"Location": "/v2/m/manifests/v2"})]
    assert with_login.digest(f"{fake.host}/m", "v1") is None
    assert fake.requests[-1] == "HEAD /v2/m/manifests/v2"
    assert fake.authorizations[-1] == ME.basic


def test_a_page_to_be_seen_elsewhere_is_only_looked_at(
    with_login: RegistryClient, fake: FakeRegistry, other: FakeRegistry
) -> None:
    fake.faults["POST /blobs/uploads/"] = [(303, {"Location": f"http://{other.host}/elsewhere"})]
    with pytest.raises(Refused, match="answered 404 to POST"):
        with_login.push_blobs(f"{fake.host}/m", [BytesBlob(content=b"x")])
    assert other.requests == ["GET /elsewhere"]


def test_an_identity_token_follows_no_redirect(fake: FakeRegistry, other: FakeRegistry) -> None:
    fake.login = ("<token>", "bait-secret")
    fake.faults["POST /token"] = [(307, {"Location": f"http://{other.host}/token"})]
    pool = urllib3.PoolManager(timeout=5)
    login = OneLogin(Login(user="<token>", secret="bait-secret"))
    client = RegistryClient(Transport(credentials=login, clock=FakeClock(), pool=pool))
    with pytest.raises(Refused, match="its token service answered 307"):
        client.digest(f"{fake.host}/m", "v1")
    pool.clear()
    assert other.requests == []


@pytest.mark.parametrize("where", ["http://[::1/b?signature=bait", "ftp://x/b?signature=bait", "http://x:y/bait"])
def test_a_redirect_to_no_address_is_refused_without_telling_it(
    client: RegistryClient, fake: FakeRegistry, where: str
) -> None:
    fake.faults["GET /blobs/"] = [(307, {"Location": where})]
    with pytest.raises(Refused, match=rf"registry {fake.host} sends on to something") as caught:
        client.document(f"{fake.host}/m", Descriptor(media_type="x", digest="sha256:" + "a" * 64, size=3))
    assert "bait" not in caught.value.message


def test_redirects_in_a_circle_end(client: RegistryClient, fake: FakeRegistry) -> None:
    fake.faults["HEAD /manifests/"] = [(307, {"Location": "v1"})] * 9
    with pytest.raises(Refused, match="answered 307 to HEAD"):
        client.digest(f"{fake.host}/m", "v1")
    assert len(fake.requests) == 6


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://reg.example/v2/", "https://REG.example:443/up", True),
        ("http://reg.example:80", "http://reg.example/", True),
        ("https://reg.example/", "http://reg.example/", False),
        ("https://reg.example/", "https://reg.example:5000/", False),
        ("https://reg.example/", "https://reg.example.evil/", False),
        ("https://reg.example/", "https://reg.example@evil/", False),
    ],
)
def test_an_origin_is_scheme_host_and_the_port_that_is_meant(one: str, other: str, same: bool) -> None:  # noqa: FBT001
    assert same_origin(one, other) is same


@pytest.mark.parametrize(
    ("base", "location", "there"),
    [
        ("https://reg.example/v2/", "http://reg.example/up?a=b", "https://reg.example/up?a=b"),
        ("https://reg.example/v2/", "http://reg.example:80/up", "https://reg.example/up"),
        ("https://reg.example:5000/v2/", "http://reg.example:5000/up", "https://reg.example:5000/up"),
        ("https://reg.example/v2/", "http://other.example/up", "http://other.example/up"),
        ("https://reg.example/v2/", "http://reg.example:8080/up", "http://reg.example:8080/up"),
        ("http://reg.example/v2/", "http://reg.example/up", "http://reg.example/up"),
    ],
)
def test_a_registry_that_was_asked_by_https_is_not_gone_on_with_in_clear(base: str, location: str, there: str) -> None:
    assert joined(base, location) == there
