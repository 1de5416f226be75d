"""What these tests need of the machine; in CI nothing may be left out."""

import os
from typing import NoReturn

import pytest

from tests.e2e.support.installation import ROOT


def leave_out(why: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def require_setup() -> None:
    """They use what `deploy setup` found or made for this checkout, and make nothing that takes minutes."""
    if not (ROOT / ".towpath" / "instance.json").is_file():
        leave_out("the checkout isn't set up: run `deploy setup` (`make test` does)")
