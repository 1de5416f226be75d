import json
from pathlib import Path

import pytest

from towpath.core.instance import to_json
from towpath.core.toolchain import BaseImage, Engine, Instance


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an instance file, and no word of another in the environment."""
    monkeypatch.delenv("TOWPATH_INSTANCE", raising=False)
    instance = Instance(
        id="i1",
        engine=Engine(pulumi="/bin/pulumi", source="path", version="3.259.0", language_host="official"),
        base={"python3.11": BaseImage(image="base:1", digest="sha256:" + "b" * 64)},
        registry="registry:1",
        router="router:1",
        offline=False,
    )
    (tmp_path / ".towpath").mkdir()
    (tmp_path / ".towpath" / "instance.json").write_text(json.dumps(to_json(instance)), encoding="utf-8")
    return tmp_path
