"""Provenance, from the build's client to the environment of a container, over both kinds of registry."""

from infra.docker.provenance import provenance_variables
from tests.adapters.oci.test_client_contract import pushed
from tests.fakes.world import record
from towpath.adapters.oci.client import RegistryClient
from towpath.adapters.oci.referrers import Referrers, RegistryOrigins
from towpath.adapters.oci.transport import Transport
from towpath.core.provenance import provenance_of


def test_a_container_learns_the_commit_its_image_was_built_from(
    client: RegistryClient, transport: Transport, repository: str
) -> None:
    image, origins = pushed(client, repository), RegistryOrigins(Referrers(transport, client))

    origins.say(image, provenance_of(record("a", commit="1" * 40)), "2026-01-01T00:00:00Z")
    origins.say(image, provenance_of(record("a", commit="2" * 40)), "2026-01-02T00:00:00Z")

    assert provenance_variables(str(image))["TOWPATH_COMMIT"] == "2" * 40


def test_an_image_of_which_nothing_is_said_has_no_such_variables(client: RegistryClient, repository: str) -> None:
    assert provenance_variables(str(pushed(client, repository))) == {}


def test_a_registry_that_does_not_answer_keeps_nothing_from_serving() -> None:
    assert provenance_variables("localhost:1/none@sha256:" + "a" * 64) == {}
