"""What one engine run says of itself, event by event; pure."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from towpath.app.ports import Change

if TYPE_CHECKING:
    from pulumi.automation.events import DiagnosticEvent, EngineEvent, StepEventMetadata

    from towpath.adapters.engine_event_log import Diagnostic, Event, Metadata

_STACK: Final = "pulumi:pulumi:Stack"
_PROVIDERS: Final = "pulumi:providers:"  # the engine's own; any change of config counts as one of theirs
_UNTOUCHED: Final = frozenset({"same", "read", "refresh", "read-replacement", "read-discard"})
_REPLACING: Final = frozenset({"replace", "create-replacement", "delete-replaced", "discard-replaced"})
_NOISE: Final = frozenset({"update failed", "preview failed", "destroy failed", "refresh failed"})
_WRAPPED: Final = "Exception calling application: "  # what gRPC puts before the message of a dynamic provider
_DONE: Final = {"create": "created", "update": "updated", "delete": "deleted", "replace": "replaced"}


@dataclass(kw_only=True, slots=True)
class RunLog:
    """Collects the events of one run; filled by one thread, read once the run is over.

    Attributes:
        say: told about every resource that was really changed.
        changes: by urn, what the run meant to touch.
        done: urns of resources that were really changed.
        failed: urns of resources whose operation failed.
        errors: (urn or empty, message), as the engine gave them.
        outputs: of the stack; absent when the run never got that far.
        ended: the run summed up what it did.
    """

    say: Callable[[str], None]
    changes: dict[str, Change] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    outputs: Mapping[str, Any] | None = None
    ended: bool = False

    def take(self, event: "EngineEvent | Event") -> None:
        """One event of the run."""
        if event.resource_pre_event is not None:
            self._meant(event.resource_pre_event.metadata)
        elif event.res_outputs_event is not None:
            self._did(event.res_outputs_event.metadata, planning=bool(event.res_outputs_event.planning))
        elif event.res_op_failed_event is not None:
            self.failed.append(event.res_op_failed_event.metadata.urn)
        elif event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self._complained(event.diagnostic_event)
        elif event.summary_event is not None:
            self.ended = True

    @property
    def touched(self) -> bool:
        """Whether anything outside the engine's own records was or may have been changed."""
        return bool(self.done or self.failed)

    @property
    def refused(self) -> bool:
        """Whether the program itself said no, before any resource was touched."""
        return bool(self.errors) and not self.touched and not any(_is_resource(urn) for urn, _ in self.errors)

    def message(self) -> str:
        """What went wrong, in the words of whoever failed; empty when nothing was said."""
        said = [_named(urn, message) for urn, message in self.errors if message not in _NOISE]
        return "\n".join(dict.fromkeys(said))

    def _meant(self, metadata: "StepEventMetadata | Metadata") -> None:
        operation = _operation(metadata)
        if metadata.type.startswith(_PROVIDERS) or operation in _UNTOUCHED:
            return
        known = self.changes.get(metadata.urn)
        fields = _fields(metadata) if known is None else tuple(sorted({*known.fields, *_fields(metadata)}))
        self.changes[metadata.urn] = Change(
            urn=metadata.urn, name=_name(metadata.urn), type=metadata.type, operation=operation, fields=fields
        )

    def _did(self, metadata: "StepEventMetadata | Metadata", *, planning: bool) -> None:
        if metadata.type == _STACK and metadata.new is not None:
            self.outputs = metadata.new.outputs
        operation = _operation(metadata)
        if planning or operation in _UNTOUCHED or metadata.type.startswith(_PROVIDERS):
            return
        self.done.append(metadata.urn)
        if metadata.type != _STACK:
            self.say(f"{_DONE.get(operation, operation)} {_name(metadata.urn)}")

    def _complained(self, diagnostic: "DiagnosticEvent | Diagnostic") -> None:
        message = diagnostic.message.strip().removeprefix(_WRAPPED)
        if message:
            self.errors.append((diagnostic.urn or "", message))


def listed(changes: Iterable[Change]) -> tuple[Change, ...]:
    """In the order of their names; the stack itself, which carries only outputs, left out."""
    return tuple(sorted((change for change in changes if change.type != _STACK), key=lambda change: change.urn))


def _operation(metadata: "StepEventMetadata | Metadata") -> str:
    operation = str(getattr(metadata.op, "value", metadata.op))
    return "replace" if operation in _REPLACING else operation


def _fields(metadata: "StepEventMetadata | Metadata") -> tuple[str, ...]:
    paths = [*(metadata.detailed_diff or ()), *(metadata.diffs or ())]
    return tuple(sorted({path.partition(".")[0].partition("[")[0] for path in paths}))


def _is_resource(urn: str) -> bool:
    return bool(urn) and f"::{_STACK}::" not in urn


def _name(urn: str) -> str:
    return urn.rpartition("::")[2]


def _named(urn: str, message: str) -> str:
    return f"{_name(urn)}: {message}" if _is_resource(urn) else message
