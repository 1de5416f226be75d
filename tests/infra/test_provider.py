import base64
import pickle

import pytest
from pulumi.dynamic.dynamic import serialize_provider

from infra.docker.provider import DockerProvider, inputs_hash, plain
from infra.docker.registry import RegistryProvider
from infra.docker.replica import ReplicaProvider
from infra.docker.router import RouterProvider
from infra.docker.storage import NetworkProvider, VolumeProvider
from infra.docker.traffic import RouteProvider, RouterClusterProvider

PROVIDERS = (
    NetworkProvider,
    RegistryProvider,
    ReplicaProvider,
    RouteProvider,
    RouterClusterProvider,
    RouterProvider,
    VolumeProvider,
)
# what states of version 0.1 hold; a class that moves must leave its name behind
STORED = {
    "infra.docker.storage.NetworkProvider",
    "infra.docker.storage.VolumeProvider",
    "infra.docker.registry.RegistryProvider",
    "infra.docker.router.RouterProvider",
    "infra.docker.replica.ReplicaProvider",
    "infra.docker.traffic.RouterClusterProvider",
    "infra.docker.traffic.RouteProvider",
}
PROPS = {"name": "n", "host": "", "port": 1, "image": "a", "schema": 1}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_state_holds_a_reference_to_a_class_and_no_code(provider: type[DockerProvider]) -> None:
    stored = base64.b64decode(serialize_provider(provider()))
    assert len(stored) < 100
    assert provider.__module__.encode() in stored
    assert type(pickle.loads(stored)) is provider  # noqa: S301 - what was written a line ago


def test_the_classes_that_states_refer_to_stay_where_they_are() -> None:
    assert {f"{provider.__module__}.{provider.__name__}" for provider in PROVIDERS} == STORED


def test_whole_numbers_come_back_whole() -> None:
    assert plain({"port": 8080.0, "list": [1.0, 0.5], "flag": True, "text": "1.0"}) == {
        "port": 8080,
        "list": [1, 0.5],
        "flag": True,
        "text": "1.0",
    }


def test_the_hash_of_inputs_leaves_out_where_the_daemon_is() -> None:
    assert inputs_hash(PROPS) == inputs_hash({**PROPS, "host": "ssh://u@box", "__provider": "x"})
    assert inputs_hash(PROPS) != inputs_hash({**PROPS, "port": 2})


def test_a_change_of_image_or_port_is_made_in_place_and_one_of_name_is_not() -> None:
    changed = RegistryProvider().diff("", PROPS, {**PROPS, "port": 2, "image": "b"})
    assert (changed.changes, changed.replaces) == (True, [])
    renamed = RegistryProvider().diff("", PROPS, {**PROPS, "name": "m"})
    assert (renamed.changes, renamed.replaces) == (True, ["name"])


def test_another_address_of_the_daemon_and_another_schema_are_no_change() -> None:
    assert not RegistryProvider().diff("", PROPS, {**PROPS, "host": "ssh://u@box", "schema": 2}).changes


def test_any_input_of_a_replica_makes_it_another_one() -> None:
    assert ReplicaProvider().diff("", {"env": {"A": "1"}}, {"env": {"A": "2"}}).replaces == ["env"]
