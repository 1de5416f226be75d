from tests.adapters.oci.fixtures import client, clock, fake, real_host, repository, transport

__all__ = ["client", "clock", "fake", "real_host", "repository", "transport"]
