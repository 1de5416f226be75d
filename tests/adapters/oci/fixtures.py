"""Registries and clients for the tests of this folder and of the builders."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from tests.adapters.oci.real_registry import available, real_registry
from tests.fakes.clock import FakeClock
from tests.fakes.registry import FakeRegistry, serving
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.credentials import NoCredentials
from towpath.adapters.oci.transport import Transport


@pytest.fixture(scope="session")
def real_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not available():
        pytest.skip("there is no registry: run `deploy setup`")
    with real_registry(tmp_path_factory.mktemp("registry")) as host:
        yield host


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving(FakeRegistry()) as registry:
        yield registry


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def transport(clock: FakeClock) -> Iterator[Transport]:
    pool = urllib3.PoolManager(maxsize=16, timeout=20)
    yield Transport(credentials=NoCredentials(), clock=clock, pool=pool)
    pool.clear()


@pytest.fixture
def client(transport: Transport) -> RegistryClient:
    return RegistryClient(transport)


@pytest.fixture(params=["fake", "real"])
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A repository of its own in a registry: of the fake and of the real one."""
    host = request.getfixturevalue("fake").host if request.param == "fake" else request.getfixturevalue("real_host")
    return f"{host}/t{abs(hash(tmp_path))}"
