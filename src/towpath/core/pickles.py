"""Whether a file is a pickle, and which modules it and a Python file need, read without running either."""

import ast
import io
import pickle
import pickletools
import sys
from collections import deque
from typing import BinaryIO, Final

_STRINGS = frozenset({"SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8", "UNICODE", "STRING", "BINSTRING"})
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_NOT_PACKAGES = frozenset(
    {"towpath", "__builtin__", "copy_reg", "exceptions"}
)  # the kit; Python 2's names in old protocols
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})

COMPRESSED: Final = (b"\x78", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x5d\x00", b"\x04\x22\x4d\x18")  # the kit's list


class _Names:
    """The strings on a pickle's stack, as far as names of classes need them."""

    def __init__(self) -> None:
        self.modules: set[str] = set()
        self._recent: list[str] = ["", ""]
        self._top: str | None = None
        self._memo: dict[int, str | None] = {}

    def take(self, opcode: str, argument: object) -> None:
        if opcode == "MEMOIZE":
            self._memo[len(self._memo)] = self._top
        elif opcode in _PUTS:
            self._memo[int(str(argument))] = self._top
        elif opcode == "GLOBAL":
            self.modules.add(str(argument).partition(" ")[0])
            self._top = None
        elif opcode == "STACK_GLOBAL":
            self.modules.add(self._recent[0])
            self._top = None
        else:
            self._push(self._memo.get(int(str(argument))) if opcode in _GETS else _string(opcode, argument))

    def _push(self, text: str | None) -> None:
        self._top = text
        if text is not None:
            self._recent = [self._recent[1], text]


def _string(opcode: str, argument: object) -> str | None:
    return str(argument) if opcode in _STRINGS else None


def is_compressed(file: BinaryIO) -> bool:
    """Whether the file begins as one that joblib compressed; which modules that needs can't be read."""
    file.seek(0)
    return file.read(6).startswith(COMPRESSED)


def is_pickle(file: BinaryIO) -> bool:
    """Whether the file begins as a pickle does and has its end; of a compressed one the beginning is looked at."""
    if is_compressed(file):
        return True
    file.seek(0)
    head = file.read(2)
    if head.startswith(pickle.PROTO):
        if len(head) == 1 or head[1] > pickle.HIGHEST_PROTOCOL:
            return False
        file.seek(-1, io.SEEK_END)
        if file.read(1) == pickle.STOP:
            return True
    file.seek(0)
    try:
        deque(pickletools.genops(file), maxlen=0)
    except (ValueError, OverflowError, MemoryError):
        return False
    return True


def pickled_modules(file: BinaryIO) -> tuple[str, ...]:
    """Top-level modules that loading the pickle would import, without the standard library's.

    A joblib file has bare arrays among its opcodes; what comes before the first one is read, which names the model.
    """
    names = _Names()
    try:
        for opcode, argument, _ in pickletools.genops(file):
            names.take(opcode.name, argument)
    except (ValueError, UnicodeDecodeError, OverflowError):
        pass  # not a pickle from here on
    return _foreign(names.modules)


def imported_modules(source: str) -> tuple[str, ...]:
    """Top-level modules that a Python file imports, without the standard library's; none for one that doesn't parse."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ()
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {
        node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module is not None and not node.level
    }
    return _foreign(names)


def _foreign(names: set[str]) -> tuple[str, ...]:
    tops = {name.partition(".")[0] for name in names}
    return tuple(sorted(top for top in tops - sys.stdlib_module_names - _NOT_PACKAGES if top))
