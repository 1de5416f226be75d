import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.support.installation import ENVIRONMENTS, ROOT, Installation, ambient, draw, installed


def require_setup() -> None:
    """These tests use what `deploy setup` found or made for this checkout, and make nothing that takes minutes."""
    if (ROOT / ".towpath" / "instance.json").is_file():
        return
    why = "the checkout isn't set up: run `deploy setup` (`make test` does)"
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="session")
def ready() -> None:
    require_setup()


@pytest.fixture(scope="session")
def one(ready: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that most tests share; each looks for itself what stands in it."""
    with installed(tmp_path_factory.mktemp("e2e"), ambient=ambient()) as made:
        draw(made, *ENVIRONMENTS)
        yield made


@pytest.fixture
def scratch(ready: None, tmp_path: Path) -> Iterator[Installation]:
    """An installation of a test's own, with nothing drawn."""
    with installed(tmp_path / "scratch", ambient=ambient()) as made:
        yield made
