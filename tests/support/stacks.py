"""Stack configs in the states that a promotion goes through."""

from typing import Any

A = "localhost:5055/m@sha256:" + "a" * 64
B = "localhost:5055/m@sha256:" + "b" * 64


def config(endpoint: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as a YAML file holds it
    """A stack with one endpoint, `m`."""
    return {
        "towpath:platform": {"stack": "platform"},
        "towpath:router": {"port": 8081},
        "towpath:endpoints": {"m": endpoint},
        **{f"towpath:{key}": value for key, value in more.items()},
    }


def serving(release: str = A, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as a YAML file holds it
    """An endpoint that serves one release on two replicas."""
    return {"release": release, "promotion": 1, "replicas": 2, **more}


def canary(traffic: float, replicas: int = 1, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
    """The same with a candidate beside it."""
    return serving(canary={"release": B, "traffic": traffic, "replicas": replicas, **more})
