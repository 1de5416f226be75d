"""Observations as they come out of a journal."""

import json
from typing import Any

from towpath.core.observation import Observation
from towpath.core.observation_codec import observation_to_json


def as_json(observation: Observation) -> Any:  # noqa: ANN401 - tests reach into it and break it
    """Through text and back, as a journal does."""
    return json.loads(json.dumps(observation_to_json(observation), allow_nan=False))
