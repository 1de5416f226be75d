from collections.abc import Iterator

import pytest

from tests.e2e.support.installation import Installation, ambient, installed
from tests.e2e.support.required import require_setup


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that most tests share; each looks for itself what stands in it, and draws what it needs."""
    require_setup()
    with installed(tmp_path_factory.mktemp("e2e"), ambient=ambient()) as made:
        yield made
