"""Parts of a demo that a test can look at."""

import os
from io import StringIO
from pathlib import Path

from examples.demo.screen import Screen
from examples.demo.shell import Shell


def screen() -> Screen:
    return Screen(stream=StringIO())


def shown(on: Screen) -> str:
    assert isinstance(on.stream, StringIO)
    return on.stream.getvalue()


def shell(folder: Path, **env: str) -> Shell:
    return Shell(screen=screen(), folder=folder, env={"PATH": os.environ["PATH"], **env})
