"""Logging in: how a registry asks for it, and how its token service answers."""

import os
from collections.abc import Callable, Iterator

import pytest
import urllib3

from tests.adapters.oci.images import small_image
from tests.adapters.oci.logins import BrokenHelper, OneLogin
from tests.fakes.clock import FakeClock
from tests.fakes.registry import FakeRegistry
from towpath.adapters.oci.challenges import Challenge, choose_challenge, read_challenges
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.credentials import Credentials, Login
from towpath.adapters.oci.transport import Transport
from towpath.core.errors import Missing, Refused

Knowing = Callable[[Credentials], RegistryClient]
LogIn = Callable[[Login | None], RegistryClient]


@pytest.fixture
def knowing() -> Iterator[Knowing]:
    pool = urllib3.PoolManager(maxsize=16, timeout=20)
    yield lambda credentials: RegistryClient(Transport(credentials=credentials, clock=FakeClock(), pool=pool))
    pool.clear()


@pytest.fixture
def logged_in(knowing: Knowing) -> LogIn:
    return lambda login: knowing(OneLogin(login))


def bearer(fake: FakeRegistry) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="http://{fake.host}/token",service="fake"'}


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_a_registry_that_asks_gets_the_login(logged_in: LogIn, fake: FakeRegistry, scheme: str) -> None:
    fake.login, fake.scheme = ("me", "bait-secret"), scheme
    client = logged_in(Login(user="me", secret="bait-secret"))
    manifest, blobs = small_image(os.urandom(100_000))
    image = client.push(f"{fake.host}/m", manifest, blobs).image
    assert client.exists(image)


def test_an_identity_token_is_exchanged_and_never_in_a_url(logged_in: LogIn, fake: FakeRegistry) -> None:
    fake.login = ("<token>", "bait-secret")
    client = logged_in(Login(user="<token>", secret="bait-secret"))
    assert client.digest(f"{fake.host}/m", "v1") is None
    assert fake.asked("POST", "/token") == ["POST /token"]


def test_a_token_is_asked_for_once_and_a_spent_one_replaced(logged_in: LogIn, fake: FakeRegistry) -> None:
    fake.login = ("me", "bait-secret")
    client = logged_in(Login(user="me", secret="bait-secret"))
    for _ in range(3):
        client.digest(f"{fake.host}/m", "v1")
    assert len(fake.asked("GET", "/token")) == 1
    fake.faults["HEAD /manifests/"] = [(401, bearer(fake))]
    client.digest(f"{fake.host}/m", "v1")
    assert len(fake.asked("GET", "/token")) == 2


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
@pytest.mark.parametrize("login", [None, Login(user="me", secret="wrong-bait")])
def test_a_wrong_login_is_refused_with_the_remedy_and_without_the_secret(
    logged_in: LogIn, fake: FakeRegistry, scheme: str, login: Login | None
) -> None:
    fake.login, fake.scheme = ("me", "bait-secret"), scheme
    with pytest.raises(Refused, match=f"registry {fake.host} denied access") as caught:
        logged_in(login).digest(f"{fake.host}/m", "v1")
    assert caught.value.hint.endswith(f"docker login {fake.host}")
    assert "bait" not in repr(login) + caught.value.message


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_a_helper_that_failed_is_named_when_the_registry_refuses(
    knowing: Knowing, fake: FakeRegistry, scheme: str
) -> None:
    fake.login, fake.scheme = ("me", "bait-secret"), scheme
    with pytest.raises(Refused, match=r"denied access: .*; docker-credential-ecr") as caught:
        knowing(BrokenHelper()).digest(f"{fake.host}/m", "v1")
    assert caught.value.hint.endswith(f"echo {fake.host} | docker-credential-ecr get")


def test_a_helper_that_failed_is_named_when_a_token_for_anybody_is_not_enough(
    knowing: Knowing, fake: FakeRegistry
) -> None:
    fake.faults["HEAD /manifests/"] = [(401, bearer(fake)), (403, {})]
    with pytest.raises(Refused, match=r"answered 403 .*; docker-credential-ecr"):
        knowing(BrokenHelper()).digest(f"{fake.host}/m", "v1")


def test_a_helper_that_failed_is_no_matter_where_anybody_may_read(knowing: Knowing, fake: FakeRegistry) -> None:
    fake.faults["HEAD /manifests/"] = [(401, bearer(fake))]
    assert knowing(BrokenHelper()).digest(f"{fake.host}/m", "v1") is None
    assert fake.asked("GET", "/token")


def test_a_challenge_is_read_with_its_parameters() -> None:
    (found,) = read_challenges('Bearer realm="https://a/t?x=1,2",service=reg, scope="repository:x:pull,push"')
    assert found.scheme == "bearer"
    assert found.parameters == {"realm": "https://a/t?x=1,2", "service": "reg", "scope": "repository:x:pull,push"}


def test_several_challenges_are_read_each_with_its_own_parameters() -> None:
    header = r'Negotiate YII+/=, Basic realm="say \"Bearer a=1\"", Bearer realm = "https://a/t" , service="", Digest'
    found = {challenge.scheme: challenge.parameters for challenge in read_challenges(header)}
    assert found["basic"] == {"realm": 'say "Bearer a=1"'}
    assert found["bearer"] == {"realm": "https://a/t", "service": ""}
    assert {"negotiate", "digest"} <= found.keys()


BEARER = 'Bearer realm="https://a/t"'


@pytest.mark.parametrize(
    ("header", "scheme"),
    [
        (BEARER, "bearer"),
        (f'{BEARER}, Basic realm="x"', "bearer"),
        (f'Basic realm="x", {BEARER}', "bearer"),
        ('Bearer realm="/token", Basic', "basic"),
        ('Bearer realm="http://[::1/token", basic realm=""', "basic"),
        ('Negotiate, Basic realm="x"', "basic"),
    ],
)
def test_a_bearer_is_answered_before_basic_and_what_cannot_be_answered_is_passed_over(header: str, scheme: str) -> None:
    chosen = choose_challenge(read_challenges(header))
    assert chosen is not None
    assert chosen.scheme == scheme


def test_nothing_is_chosen_where_nothing_can_be_answered() -> None:
    assert choose_challenge([Challenge(scheme="negotiate"), Challenge(scheme="bearer")]) is None


@pytest.mark.parametrize(
    "header", ["Negotiate", "Bearer service=x", 'Bearer realm="/token"', 'Bearer realm="http://x', ","]
)
def test_a_registry_that_asks_in_no_known_way_is_refused(logged_in: LogIn, fake: FakeRegistry, header: str) -> None:
    fake.faults["HEAD /manifests/"] = [(401, {"WWW-Authenticate": header})]
    with pytest.raises(Refused, match=f"registry {fake.host} asks for a login in no way that Towpath knows"):
        logged_in(None).digest(f"{fake.host}/m", "v1")


def test_a_bearer_offered_after_basic_is_taken(logged_in: LogIn, fake: FakeRegistry) -> None:
    fake.login = ("me", "bait-secret")
    both = f'Basic realm="Registry Realm", Bearer realm="http://{fake.host}/token",service="fake"'
    fake.faults["HEAD /manifests/"] = [(401, {"WWW-Authenticate": both})]
    assert logged_in(Login(user="me", secret="bait-secret")).digest(f"{fake.host}/m", "v1") is None


@pytest.mark.parametrize("token", [b"[]", b"null", b"{}", b"<html>", b'{"token": 5}', b'{"token": "bait\\r\\nX: y"}'])
def test_a_token_service_that_gives_no_token_is_named_without_its_answer(
    logged_in: LogIn, fake: FakeRegistry, token: bytes
) -> None:
    fake.login, fake.token = ("me", "bait-secret"), token
    with pytest.raises(Refused, match=f"token service http://{fake.host}/token answered something else") as caught:
        logged_in(Login(user="me", secret="bait-secret")).digest(f"{fake.host}/m", "v1")
    assert "bait" not in caught.value.message


def test_a_token_that_breaks_off_is_asked_for_again(logged_in: LogIn, fake: FakeRegistry) -> None:
    fake.login = ("me", "bait-secret")
    client = logged_in(Login(user="me", secret="bait-secret"))
    broken = (200, {"Content-Length": "1000", "Connection": "close"})
    fake.faults["GET /token"] = [broken]
    assert client.digest(f"{fake.host}/m", "v1") is None
    fake.faults["GET /token"] = [broken] * 5
    fake.faults["HEAD /manifests/"] = [(401, bearer(fake))]
    with pytest.raises(Missing, match=f"registry {fake.host} can't be reached"):
        client.digest(f"{fake.host}/m", "v1")
