"""What is imported beside the main thread."""

from towpath.cli.wiring_services import _load


def test_an_engine_that_cannot_be_loaded_keeps_nobody_from_dockers_sdk() -> None:
    asked: list[str] = []

    def engine() -> None:
        asked.append("engine")
        raise ImportError("no grpc")

    assert _load(engine).__name__ == "docker"
    assert asked == ["engine"]
