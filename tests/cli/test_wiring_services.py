"""Adapters that are made once they are used."""

from towpath.app.aside import Later
from towpath.cli.wiring_services import _standing_for


class Bell:
    name = "bell"

    def __call__(self, word: str) -> str:
        return f"{word}!"


def test_an_adapter_is_made_once_and_by_its_first_use() -> None:
    made: list[Bell] = []

    def make() -> Bell:
        made.append(Bell())
        return made[-1]

    bell = _standing_for(Later(make))
    assert not made
    assert bell.name == "bell"
    assert bell("ding") == "ding!"
    assert len(made) == 1
