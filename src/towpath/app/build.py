"""Building a release: tests, inputs, image, record, in this order, so that nothing is pushed that isn't wanted."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

from towpath.app.build_ports import (
    Built,
    Commit,
    ImageBuilder,
    Inputs,
    ModelFolder,
    Origins,
    Programs,
    ReleaseWriter,
    Sources,
    last_line,
)
from towpath.app.ports import Clock, Report
from towpath.core.errors import Refused
from towpath.core.image import BuilderName, ModelSpec
from towpath.core.provenance import provenance_of
from towpath.core.release import ReleaseRecord, TestResult

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildServices:
    """The world, through ports.

    Attributes:
        builders: the ways to make an image.
        folder: the model's files.
        sources: the version control around them.
        programs: runs the model's tests.
        releases: keeps the record.
        origins: says beside the image where it came from.
        actor: user@host.
    """

    builders: Mapping[BuilderName, ImageBuilder]
    folder: ModelFolder
    sources: Sources
    programs: Programs
    releases: ReleaseWriter
    origins: Origins
    clock: Clock
    report: Report
    actor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildResult:
    """What a build did.

    Attributes:
        record: that stands for the release.
        written: false when an older record says the same and was kept.
        moved: bytes that went to the registry.
        reused: bytes that were there already.
        seconds: by phase: tests, inputs, image, record, provenance.
        notes: what the user should know.
    """

    record: ReleaseRecord
    written: bool
    moved: int
    reused: int
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def build_release(
    services: BuildServices, model: ModelSpec, repository: str, *, allow_failed_tests: bool = False
) -> BuildResult:
    """Test, make and push the model's image, and keep the record of it.

    Raises:
        Refused: the model's tests failed and that wasn't allowed; nothing was pushed.
        UsageError: the model's folder or description is wrong.
    """
    watch = _Stopwatch(services.clock)
    inputs = watch.timed("inputs", lambda: services.folder.inputs(model))
    sources = tuple(filter(None, (model.folder, model.declared_in)))
    commit = watch.timed("commit", lambda: services.sources.state(model.folder, sources))
    tests = watch.timed("tests", lambda: _tested(services, model))
    if not tests.passed and tests.command and not allow_failed_tests:
        raise Refused(f"the tests of {model.name} failed: {tests.summary}", f"run them: {' '.join(tests.command)}")
    built = watch.timed("image", lambda: _image(services, model, repository))
    facts = _Facts(inputs=inputs, commit=commit, tests=tests, built=built)
    record = _record(services, model, facts)
    kept = watch.timed("record", lambda: services.releases.add(record))
    watch.timed("provenance", lambda: services.origins.say(kept.image, provenance_of(kept), kept.built_at))
    return _result(services.report, facts, record, kept, watch.seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    inputs: Inputs
    commit: Commit
    tests: TestResult
    built: Built


def _image(services: BuildServices, model: ModelSpec, repository: str) -> Built:
    with services.report.progress(f"image of {model.name}"):
        return services.builders[model.image.builder].build(model, repository)


def _record(services: BuildServices, model: ModelSpec, facts: _Facts) -> ReleaseRecord:
    return ReleaseRecord(
        image=facts.built.image,
        model=model.name,
        commit=facts.commit.id,
        dirty=facts.commit.dirty,
        built_at=_moment(services.clock),
        builder=str(model.image.builder),
        platform=str(model.image.platform),
        base=facts.built.base,
        hashes=dict(facts.inputs.hashes),
        metrics=dict(facts.inputs.metrics),
        tests=facts.tests,
        created_by=services.actor,
        features=facts.inputs.features,
    )


def _result(
    report: Report, facts: _Facts, record: ReleaseRecord, kept: ReleaseRecord, seconds: Mapping[str, float]
) -> BuildResult:
    built, notes = facts.built, facts.inputs.notes + facts.built.notes
    for note in notes:
        report.line(note)
    written = kept == record
    if not written:
        report.line(f"{built.image} was built from the same inputs at {kept.built_at}; that record stands")
    return BuildResult(
        record=kept, written=written, moved=built.moved, reused=built.reused, seconds=seconds, notes=notes
    )


def _tested(services: BuildServices, model: ModelSpec) -> TestResult:
    if not model.test:
        return TestResult(passed=False, command=(), summary="the model names no tests")
    with services.report.progress(f"tests of {model.name}"):
        answer = services.programs.run(model.test, cwd=model.folder)
    summary = last_line(answer) or f"exit code {answer.exit_code}"
    return TestResult(passed=answer.exit_code == 0, command=model.test, summary=summary)


def _moment(clock: Clock) -> str:
    return datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class _Stopwatch:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.seconds: dict[str, float] = {}

    def timed(self, phase: str, work: Callable[[], T]) -> T:
        began = self._clock.monotonic()
        try:
            return work()
        finally:
            self.seconds[phase] = self._clock.monotonic() - began
