"""What tests of use cases share."""

import pytest

from tests.fakes.scene import Scene, promotable


@pytest.fixture
def scene() -> Scene:
    """Prod serves a; dev runs b, built from the same commit."""
    return promotable()
