"""What a module's text says about the names in it, without running it."""

import pytest

from towpath.core.targets import classes, may_have, module_files


@pytest.mark.parametrize(
    "source",
    [
        "class Model: ...",
        "def Model(): ...",
        "async def Model(): ...",
        "if True:\n    class Model: ...",
        "try:\n    from fast import Model\nexcept ImportError:\n    Model = None",
        "from elsewhere import Other as Model",
        "import Model",
        "Model: type = make()",
        "One, Model = make()",
        "from elsewhere import *",
        "def __getattr__(name): ...",
        "globals()['Model'] = 1",
        "setattr(module, 'Model', 1)",
        "exec(text)",
        "vars()['Model'] = 1",
        "sys.modules[__name__].Model = 1",
        "sys.modules[__name__] = make()",
        "this.__dict__['Model'] = 1",
        "match x:\n    case Model: ...",
        "match x:\n    case [*Model]: ...",
        "this is another Python's",
        "nothing\0here",
    ],
)
def test_a_name_that_may_be_there_is_never_denied(source: str) -> None:
    assert may_have(source, "Model")


@pytest.mark.parametrize(
    "source",
    ["", "class Modell: ...", "print(Model)", "from elsewhere import Model as Other", "x = 'class Model: ...'"],
)
def test_a_name_that_nothing_makes_is_not_there(source: str) -> None:
    assert not may_have(source, "Model")


def test_a_module_is_a_file_or_a_folder() -> None:
    assert module_files("a.b") == ("a/b/__init__.py", "a/b.py")


def test_classes_are_those_at_the_top() -> None:
    assert classes("class A: ...\ndef f():\n    class B: ...\nclass C(A): ...") == ("A", "C")
