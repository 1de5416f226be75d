"""The pictures in docs/canary.md are of canaries that were judged here."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core.test_watch import POLICY, SINCE, World
from towpath.core.picture import picture
from towpath.core.recording import Recording, frames

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WORLDS: dict[str, tuple[dict[str, Any], str]] = {
    "good": ({}, "promote"),
    "slower": ({"canary_median": 104.0}, "roll back"),
    "moved": ({"canary_scores": (2.5, 8.0)}, "roll back"),
}


@pytest.mark.parametrize("name", WORLDS)
def test_a_picture_is_of_the_canary_it_is_said_to_be(name: str) -> None:
    differences, said = WORLDS[name]
    world = World(rng=np.random.default_rng(8), rps=60.0, **differences)
    looks = tuple(world.looks(40))
    seen = frames(Recording(policy=POLICY, served_since=SINCE, looks=looks))
    ends = next(place for place, frame in enumerate(seen) if frame.verdict.kind == said)
    drawn = picture(seen[: ends + 3])
    file = PICTURES / f"{name}.svg"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.parent.mkdir(exist_ok=True)
        file.write_text(drawn, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == drawn
