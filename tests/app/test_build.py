from dataclasses import dataclass, field, replace

import pytest

from tests.fakes.clock import FakeClock
from tests.fakes.programs import FakePrograms, says
from tests.fakes.report import FakeReport
from tests.fakes.store import FakeStore
from towpath.adapters.records import ReleaseStore
from towpath.app.build import BuildServices, build_release
from towpath.app.build_ports import Built, Commit, Inputs
from towpath.core.errors import Refused, UsageError
from towpath.core.image import BuilderName, ImageSpec, ModelSpec
from towpath.core.inputs import Feature
from towpath.core.provenance import variables
from towpath.core.release import ImageRef

RADIUS = Feature(input="x", name="radius", cuts=(1.0,), trained=(5, 5))
IMAGE = ImageRef(repository="localhost:5055/m", digest="sha256:" + "a" * 64)
MODEL = ModelSpec(
    name="m", folder="/models/m", image=ImageSpec(), test=("pytest", "-q"), declared_in="/models/deploy.toml"
)


@dataclass
class FakeBuilder:
    built: Built = field(default_factory=lambda: Built(image=IMAGE, base="b@sha256:x", moved=10, notes=("a note",)))
    asked: list[tuple[str, str]] = field(default_factory=list)

    def build(self, model: ModelSpec, repository: str) -> Built:
        self.asked.append((model.name, repository))
        return self.built


@dataclass
class FakeFolder:
    problem: str = ""

    def inputs(self, model: ModelSpec) -> Inputs:
        if self.problem:
            raise UsageError(f"{model.name}: {self.problem}")
        return Inputs(hashes={"lock": "1"}, metrics={"auc": 0.9}, features=(RADIUS,), notes=("a doubt",))


@dataclass
class FakeSources:
    known: Commit = field(default_factory=lambda: Commit(id="c" * 40, dirty=False))
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def state(self, folder: str, paths: object) -> Commit:
        assert isinstance(paths, tuple)
        self.asked.append((folder, *paths))
        return self.known


@dataclass
class FakeOrigins:
    said: dict[str, bytes] = field(default_factory=dict)

    def say(self, image: ImageRef, provenance: bytes, created: str) -> None:
        self.said[f"{image} {created}"] = provenance


@dataclass
class World:
    builder: FakeBuilder = field(default_factory=FakeBuilder)
    folder: FakeFolder = field(default_factory=FakeFolder)
    sources: FakeSources = field(default_factory=FakeSources)
    programs: FakePrograms = field(default_factory=lambda: FakePrograms(answers={("pytest",): says("1 passed\n")}))
    store: FakeStore = field(default_factory=FakeStore)
    origins: FakeOrigins = field(default_factory=FakeOrigins)
    clock: FakeClock = field(default_factory=FakeClock)
    report: FakeReport = field(default_factory=FakeReport)

    def services(self) -> BuildServices:
        return BuildServices(
            builders={BuilderName.LAYERS: self.builder},
            folder=self.folder,
            sources=self.sources,
            programs=self.programs,
            releases=ReleaseStore(self.store),
            origins=self.origins,
            clock=self.clock,
            report=self.report,
            actor="me@here",
        )


@pytest.fixture
def world() -> World:
    return World()


def test_a_record_says_how_the_release_came_to_be(world: World) -> None:
    result = build_release(world.services(), MODEL, "localhost:5055/m")
    record = result.record
    assert record.image == IMAGE
    assert (record.commit, record.dirty, record.built_at) == ("c" * 40, False, "2023-11-14T22:13:20Z")
    assert (record.builder, record.platform, record.base) == ("layers", "linux/amd64", "b@sha256:x")
    assert (record.hashes, record.metrics, record.features) == ({"lock": "1"}, {"auc": 0.9}, (RADIUS,))
    assert record.tests.passed
    assert record.tests.summary == "1 passed"
    assert ReleaseStore(world.store).get(IMAGE) == record
    assert (result.written, result.moved) == (True, 10)
    assert set(result.seconds) == {"inputs", "commit", "tests", "image", "record", "provenance"}


def test_where_a_release_came_from_is_said_beside_its_image(world: World) -> None:
    build_release(world.services(), MODEL, "localhost:5055/m")
    ((where, said),) = world.origins.said.items()
    assert where == f"{IMAGE} 2023-11-14T22:13:20Z"
    assert variables(said) == {"TOWPATH_COMMIT": "c" * 40, "TOWPATH_METRICS": '{"auc":0.9}'}


def test_failing_tests_stop_a_build_before_anything_is_pushed(world: World) -> None:
    world.programs.answers[("pytest",)] = says("2 failed, 3 passed\n", exit_code=1)
    with pytest.raises(Refused, match="tests of m failed: 2 failed, 3 passed") as caught:
        build_release(world.services(), MODEL, "localhost:5055/m")
    assert caught.value.hint == "run them: pytest -q"
    assert world.builder.asked == []
    assert world.store.objects == {}


def test_failing_tests_that_were_allowed_are_in_the_record(world: World) -> None:
    world.programs.answers[("pytest",)] = says("2 failed\n", exit_code=1)
    result = build_release(world.services(), MODEL, "localhost:5055/m", allow_failed_tests=True)
    assert not result.record.tests.passed


def test_a_model_without_tests_is_built_and_never_called_tested(world: World) -> None:
    tests = build_release(world.services(), replace(MODEL, test=()), "localhost:5055/m").record.tests
    assert (tests.passed, tests.command) == (False, ())
    assert world.programs.asked == []


def test_tests_run_in_the_models_folder(world: World) -> None:
    build_release(world.services(), MODEL, "localhost:5055/m")
    assert world.programs.asked[0].cwd == "/models/m"


def test_the_file_that_describes_the_model_counts_as_its_source(world: World) -> None:
    build_release(world.services(), MODEL, "localhost:5055/m")
    assert world.sources.asked == [("/models/m", "/models/m", "/models/deploy.toml")]


def test_a_dirty_checkout_is_recorded_as_dirty(world: World) -> None:
    world.sources.known = Commit(id="c" * 40, dirty=True)
    assert build_release(world.services(), MODEL, "localhost:5055/m").record.dirty


def test_what_is_wrong_in_the_folder_is_said_before_the_tests_run(world: World) -> None:
    world.folder.problem = "weights are not there"
    with pytest.raises(UsageError, match="weights are not there"):
        build_release(world.services(), MODEL, "localhost:5055/m")
    assert world.programs.asked == []


def test_the_same_build_again_keeps_the_first_record_and_says_so(world: World) -> None:
    first = build_release(world.services(), MODEL, "localhost:5055/m")
    world.clock.advance(60)
    again = build_release(world.services(), MODEL, "localhost:5055/m")
    assert again.record == first.record
    assert not again.written
    assert any("that record stands" in line for line in world.report.lines)


def test_notes_of_a_folder_and_of_a_builder_reach_the_user(world: World) -> None:
    done = build_release(world.services(), MODEL, "localhost:5055/m")
    assert world.report.lines == ["a doubt", "a note"] == list(done.notes)
