"""An object store in memory, with faults that can be planned."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field


class Crashed(BaseException):
    """The process died at this point; nothing of it runs on."""


@dataclass(kw_only=True)
class FakeStore:
    """Keeps objects in a dict; `faults` act on the next `create` of a key.

    Faults: "lost-reply" stores and answers as a retry would see it; "crash-before" and "crash-after" raise `Crashed`
    around the write; bytes are what somebody else wrote to that key a moment earlier.
    """

    objects: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, str | bytes] = field(default_factory=dict)
    before: Callable[[str, str], None] | None = None
    reads: list[str] = field(default_factory=list)
    _writes: int = 0
    _versions: dict[str, str] = field(default_factory=dict)

    def create(self, key: str, data: bytes) -> bool:
        self._hook("create", key)
        fault = self.faults.pop(key, None)
        if fault == "crash-before":
            raise Crashed(key)
        if isinstance(fault, bytes):
            self.objects[key] = fault
        created = self.objects.setdefault(key, data) is data
        if fault == "crash-after":
            raise Crashed(key)
        return created and fault != "lost-reply"

    def get(self, key: str) -> bytes | None:
        self._hook("get", key)
        self.reads.append(key)
        return self.objects.get(key)

    def put(self, key: str, data: bytes) -> str:
        self._hook("put", key)
        self._writes += 1
        self.objects[key] = data
        self._versions[key] = f"{hashlib.sha256(data).hexdigest()[:8]}-{self._writes}"
        return self._versions[key]

    def etag(self, key: str) -> str | None:
        self._hook("etag", key)
        return self._versions.get(key, "0") if key in self.objects else None

    def keys(self, prefix: str) -> tuple[str, ...]:
        self._hook("keys", prefix)
        return tuple(sorted(key for key in self.objects if key.startswith(prefix)))

    def _hook(self, operation: str, key: str) -> None:
        if self.before is not None:
            self.before(operation, key)
