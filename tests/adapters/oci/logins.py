"""Logins for tests."""

from towpath.adapters.oci.credentials import HelperFailedError, Login


class OneLogin:
    """The same for every registry."""

    def __init__(self, login: Login | None) -> None:
        self.known = login

    def login(self, registry: str) -> Login | None:
        assert registry
        return self.known


class BrokenHelper:
    """Keeps a login, and can't give it."""

    def login(self, registry: str) -> Login | None:
        raise HelperFailedError("ecr", 1, registry)
