"""A pipeline that is fine, and what is said of one that isn't."""

import pytest

from towpath.core.errors import UsageError
from towpath.schema.pipeline import parse_pipeline

FILE = "/home/you/project/deploy.toml"
GOOD = """
[models.iris]
path = "models/iris"
[models.iris.image]
command = "model:Iris"
[environments.dev]
[environments.prod]
promotes_from = "dev"
[environments.prod.canary]
"""


def refused(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse_pipeline(text, FILE)
    assert caught.value.exit_code == 2
    return caught.value.message
