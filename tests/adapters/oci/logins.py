"""Logins for tests."""

from towpath.adapters.oci.credentials import Login


class OneLogin:
    """The same for every registry."""

    def __init__(self, login: Login | None) -> None:
        self.known = login

    def login(self, registry: str) -> Login | None:
        assert registry
        return self.known
