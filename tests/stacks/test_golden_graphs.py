import os
from pathlib import Path
from typing import Any

import pytest

from tests.support.recorder import record, stack_file
from tests.support.stacks import A, canary, config

GOLDENS = Path(__file__).resolve().parents[1] / "golden" / "stacks"
SECRETS = "s3cr3t-bait"


def in_canary() -> dict[str, Any]:
    """Everything that an endpoint can have, at once."""
    endpoint = canary(25, 2, mirror=10, match={"header": "X-Beta", "value": "1"}, endpoint={"env": {"MODE": "new"}})
    return config(
        endpoint
        | {
            "release": A,
            "path": "/v1",
            "resources": {"cpu": "500m", "memory": "512Mi"},
            "gpu": {"type": "nvidia-l4"},
            "env": {"LOG_LEVEL": "info"},
            "secrets": {"API_KEY": "api-key"},
            "args": ["--fast"],
            "volumes": [{"name": "cache", "path": "/cache"}],
            "shm": "1Gi",
            "timeouts": {"startup": "2m", "request": "90s", "drain": "30s"},
            "probes": {"ready": "/healthz"},
        },
        fence=7,
    )


CASES = {name: stack_file(name) for name in ("platform", "dev", "staging", "prod")} | {"canary": in_canary()}


@pytest.mark.parametrize("name", CASES)
def test_a_stack_file_draws_its_golden_graph(name: str, repository: Path) -> None:
    graph = record(name, CASES[name], root=repository, secrets={"api-key": SECRETS} if name == "canary" else {})
    drawn = graph.as_json()
    golden = GOLDENS / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        golden.write_text(drawn, encoding="utf-8")
    assert drawn == golden.read_text(encoding="utf-8"), "what is drawn changed: `make golden` if that is meant"


def test_no_golden_graph_holds_a_secret(repository: Path) -> None:
    graph = record("canary", in_canary(), root=repository, secrets={"api-key": SECRETS})
    assert SECRETS not in graph.as_json()
    assert {replica.inputs["secretEnv"] for replica in graph.of_type(":Replica")} == {"[secret]"}
