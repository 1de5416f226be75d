"""What tests of the command line share."""

import pytest

from tests.cli.command import FakeWorld
from tests.fakes.scene import promotable


@pytest.fixture
def world() -> FakeWorld:
    """Prod serves a; dev runs b, built from the same commit."""
    return FakeWorld(scene=promotable())
