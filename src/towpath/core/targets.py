"""Whether the class that a model's command names can be in its image, as far as the sources tell."""

import ast
from typing import Final

_DYNAMIC: Final = frozenset(  # with these, names may come from anywhere
    {"*", "__dict__", "__getattr__", "eval", "exec", "globals", "locals", "modules", "setattr", "vars"}
)


def module_files(module: str) -> tuple[str, str]:
    """The two files that Python takes for a module, the one it prefers first, relative to the folder of the code."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py", f"{path}.py"


def may_have(source: str, name: str) -> bool:
    """Whether a module with this text may have that name; false only where it surely hasn't.

    A text that this Python can't parse may be one of another Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return True
    known = {called for node in ast.walk(tree) for called in _names(node)}
    return name in known or not known.isdisjoint(_DYNAMIC)


def classes(source: str) -> tuple[str, ...]:
    """The classes at the top of a module that can be parsed."""
    return tuple(node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef))


def _names(node: ast.AST) -> tuple[str, ...]:
    match node:
        case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
            return (node.name,)
        case ast.Name():
            return (node.id,) if isinstance(node.ctx, ast.Store) or node.id in _DYNAMIC else ()
        case ast.alias():
            return (node.asname or node.name,)
        case ast.Attribute():
            return (node.attr,) if node.attr in _DYNAMIC else ()
        case ast.MatchAs() | ast.MatchStar():
            return (node.name or "",)
        case _:
            return ()
