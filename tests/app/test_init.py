import pickle
import tomllib
from pathlib import Path

import pytest
import yaml

from towpath.adapters.installed import InstalledPackages
from towpath.adapters.project import RealProject, RealUserFiles, ShippedScaffold
from towpath.app.init import (
    FromDockerfile,
    FromExample,
    FromImage,
    FromPickle,
    Initialised,
    InitRequest,
    InitServices,
    Source,
    init,
)
from towpath.core.errors import UsageError
from towpath.core.image import BuilderName, image_problems
from towpath.core.pipeline import Pipeline
from towpath.core.scaffold import quoted, with_ignored
from towpath.schema.pipeline import parse_pipeline
from towpath.schema.stack import parse_stack_config

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "towpath"
IMAGE = f"localhost:5055/team/sentiment@sha256:{'a' * 64}"
LOCK = "six==1.17.0\n"


def start(folder: Path, source: Source, name: str = "") -> Initialised:
    services = InitServices(
        project=RealProject(root=folder),
        files=RealUserFiles(),
        scaffold=ShippedScaffold(package=PACKAGE),
        packages=InstalledPackages(),
    )
    return init(services, InitRequest(source=source, name=name))


def pipeline(folder: Path) -> Pipeline:
    return parse_pipeline((folder / "deploy.toml").read_text(encoding="utf-8"), str(folder / "deploy.toml"))


def stack_config(folder: Path, stack: str) -> dict[str, object]:
    document = yaml.safe_load((folder / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8"))
    return {key.removeprefix("towpath:"): value for key, value in document["config"].items()}


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def pickled(tmp_path: Path) -> FromPickle:
    """A pickled model with its function and its lock, outside the project."""
    (tmp_path / "given").mkdir()
    (tmp_path / "given/My Model.pkl").write_bytes(pickle.dumps({"weights": [1, 2]}))
    (tmp_path / "given/ask.py").write_text("def predict(model, inputs):\n    return model['weights']\n")
    (tmp_path / "given/locked.txt").write_text(LOCK)
    given = tmp_path / "given"
    return FromPickle(
        model=str(given / "My Model.pkl"), predict=str(given / "ask.py"), requirements=str(given / "locked.txt")
    )


class TestFromAPickle:
    def test_the_model_folder_holds_what_the_image_needs(self, tmp_path: Path, pickled: FromPickle) -> None:
        project = tmp_path / "project"

        start(project, pickled)

        spec = pipeline(project).model("my-model").spec
        assert spec.image.command == "towpath.serving.pickled:PickledModel"
        folder = Path(spec.folder)
        assert all(
            (folder / name).exists() for name in (*spec.image.code, *spec.image.weights, spec.image.requirements)
        )
        assert (folder / "weights" / "My Model.pkl").read_bytes() == Path(pickled.model).read_bytes()
        assert (folder / "requirements.txt").read_text() == LOCK

    def test_a_pickle_alone_can_be_built(self, tmp_path: Path, pickled: FromPickle) -> None:
        start(tmp_path / "project", FromPickle(model=pickled.model))

        assert image_problems(pipeline(tmp_path / "project").model("my-model").spec.image) == []

    def test_the_user_is_told_that_a_pickle_runs_code(self, tmp_path: Path, pickled: FromPickle) -> None:
        remarks = start(tmp_path / "project", pickled).remarks

        assert any("runs code when it is loaded" in remark for remark in remarks)

    def test_without_a_lock_what_is_installed_here_is_pinned(self, tmp_path: Path) -> None:
        (tmp_path / "m.pkl").write_bytes(pickle.dumps(yaml.YAMLError))
        (tmp_path / "ask.py").write_text("import nowhere_to_be_found\n\ndef predict(model, inputs): ...\n")

        done = start(tmp_path / "p", FromPickle(model=str(tmp_path / "m.pkl"), predict=str(tmp_path / "ask.py")))

        lock = (tmp_path / "p/models/m/requirements.txt").read_text()
        assert lock.startswith("pyyaml==")
        assert any("nowhere_to_be_found" in remark for remark in done.remarks)

    def test_what_is_only_called_like_a_pickle_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "m.pkl").write_bytes(b"\x93NUMPY\x01")
        with pytest.raises(UsageError, match=r"m\.pkl is no pickle, or only a part of one"):
            start(tmp_path / "p", FromPickle(model=str(tmp_path / "m.pkl")))
        assert not (tmp_path / "p").exists()

    def test_another_file_than_a_pickle_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="isn't called like a pickle"):
            start(tmp_path, FromPickle(model="model.onnx"))

    def test_a_file_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"absent\.pkl can't be read: No such file"):
            start(tmp_path / "p", FromPickle(model=str(tmp_path / "absent.pkl")))
        assert not (tmp_path / "p").exists()


class TestFromADockerfile:
    def test_the_folder_stays_as_it_is_and_the_endpoint_knows_port_and_path(self, tmp_path: Path) -> None:
        (tmp_path / "api").mkdir()
        (tmp_path / "api/Dockerfile").write_text("FROM scratch\n")

        start(tmp_path, FromDockerfile(folder=str(tmp_path / "api"), port=9000, ready="/healthz"))

        spec = pipeline(tmp_path).model("api").spec
        assert (spec.folder, spec.image.builder) == (str(tmp_path / "api"), BuilderName.DOCKERFILE)
        endpoint = parse_stack_config(stack_config(tmp_path, "prod"), "prod").endpoints[0]
        assert (endpoint.serving.port, endpoint.serving.probes.ready) == (9000, "/healthz")
        assert (tmp_path / "api/Dockerfile").read_text() == "FROM scratch\n"

    def test_odd_names_and_paths_are_kept_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / 'we"ird').mkdir()
        (tmp_path / 'we"ird/Dockerfile').write_text("FROM scratch\n")

        start(tmp_path, FromDockerfile(folder=str(tmp_path / 'we"ird'), ready='/a: "b"'))

        assert pipeline(tmp_path).model("we-ird").spec.folder == str(tmp_path / 'we"ird')
        (endpoint,) = yaml.safe_load((tmp_path / "Pulumi.dev.yaml").read_text())["config"]["towpath:endpoints"].values()
        assert endpoint["probes"]["ready"] == '/a: "b"'

    def test_a_folder_without_one_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="no Dockerfile"):
            start(tmp_path, FromDockerfile(folder=str(tmp_path)))

    def test_a_folder_outside_the_project_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="outside the project"):
            start(tmp_path / "p", FromDockerfile(folder=str(tmp_path)))


class TestFromAnImage:
    def test_the_digest_is_in_the_pipeline_and_the_name_is_the_repositorys(self, tmp_path: Path) -> None:
        start(tmp_path, FromImage(image=IMAGE, port=80))

        spec = pipeline(tmp_path).model("sentiment").spec
        assert (spec.image.builder, spec.image.image) == (BuilderName.IMAGE, IMAGE)
        assert Path(spec.folder).is_dir()

    def test_a_tag_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is not an image by digest"):
            start(tmp_path, FromImage(image="localhost:5055/sentiment:latest"))
        assert tree(tmp_path) == {}


class TestTheExample:
    def test_holds_the_example_without_what_training_writes(self, tmp_path: Path) -> None:
        done = start(tmp_path, FromExample())

        spec = pipeline(tmp_path).model().spec
        assert all((Path(spec.folder) / name).is_file() for name in spec.image.code)
        assert not (Path(spec.folder) / "weights").exists()
        assert "deploy build --train" in done.next

    def test_its_image_is_made_as_this_repositorys_own(self, tmp_path: Path) -> None:
        start(tmp_path, FromExample())

        assert pipeline(tmp_path).model().spec.image == pipeline(ROOT).model().spec.image


def test_stack_files_are_those_of_this_repository(tmp_path: Path) -> None:
    start(tmp_path, FromExample())

    for name in ("platform", "dev", "staging", "prod"):
        assert tree(tmp_path)[f"Pulumi.{name}.yaml"] == (ROOT / f"Pulumi.{name}.yaml").read_bytes()
    ours, theirs = (yaml.safe_load((folder / "Pulumi.yaml").read_bytes()) for folder in (ROOT, tmp_path))
    assert ours | {"name": ""} == theirs | {"name": ""}


def test_the_program_is_copied_whole_and_without_caches(tmp_path: Path) -> None:
    start(tmp_path, FromExample())

    files = tree(tmp_path)
    assert files["stacks/__main__.py"] == (ROOT / "stacks/__main__.py").read_bytes()
    assert "infra/__init__.py" in files
    assert not [path for path in files if "__pycache__" in path]


@pytest.mark.parametrize("source", [FromExample(), FromImage(image=IMAGE)])
def test_every_stack_file_parses_and_ports_differ(tmp_path: Path, source: Source) -> None:
    start(tmp_path, source)

    configs = [parse_stack_config(stack_config(tmp_path, name), name) for name in ("dev", "staging", "prod")]
    assert len({config.router.port for config in configs if config.router is not None}) == 3
    assert [len(config.endpoints) for config in configs] == [1, 1, 1]
    assert parse_stack_config(stack_config(tmp_path, "platform"), "platform").platform.provider == "docker"


def test_files_in_the_way_are_all_named_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "deploy.toml").write_text("mine")
    (tmp_path / "Pulumi.prod.yaml").write_text("mine too")
    before = tree(tmp_path)

    with pytest.raises(UsageError, match="2 problems") as caught:
        start(tmp_path, FromExample())

    assert "deploy.toml is there already" in caught.value.message
    assert "Pulumi.prod.yaml is there already" in caught.value.message
    assert tree(tmp_path) == before


def test_the_same_once_more_writes_nothing(tmp_path: Path) -> None:
    first = start(tmp_path, FromExample())
    before = tree(tmp_path)

    again = start(tmp_path, FromExample())

    assert again.written == ()
    assert set(again.kept) | {".gitignore"} == set(first.written)
    assert tree(tmp_path) == before


def test_gitignore_keeps_its_lines_and_gets_ours_once(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"*.log\n\xff\n.venv/")

    start(tmp_path, FromExample())

    assert (tmp_path / ".gitignore").read_bytes() == b"*.log\n\xff\n.venv/\n.towpath/\n__pycache__/\n"
    assert with_ignored(with_ignored(b"")) == with_ignored(b"")


def test_links_that_lead_outside_are_all_named_and_nothing_is_written_there(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    project.mkdir()
    elsewhere.mkdir()
    (project / "infra").symlink_to(elsewhere)
    (project / ".gitignore").symlink_to(elsewhere / "ignored")

    with pytest.raises(UsageError, match="2 problems") as caught:
        start(project, FromExample())

    assert "  - infra is a link that leads outside" in caught.value.message
    assert "  - .gitignore is a link that leads outside" in caught.value.message
    assert tree(elsewhere) == {}
    assert sorted(path.name for path in project.iterdir()) == [".gitignore", "infra"]


def test_a_link_that_stays_inside_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/ignored").write_bytes(b"*.log\n")
    (tmp_path / ".gitignore").symlink_to("shared/ignored")

    start(tmp_path, FromExample())

    assert (tmp_path / ".gitignore").is_symlink()
    assert (tmp_path / "shared/ignored").read_bytes().startswith(b"*.log\n.towpath/")


@pytest.mark.parametrize(
    "text", ['we"ird', "back\\slash", "tab\t", "ü \U0001f600", "del\x7f", "line\u2028", "a\nb", "{x: 1}#"]
)
def test_whatever_the_user_said_reads_the_same_in_toml_and_yaml(text: str) -> None:
    assert tomllib.loads(f"a = {quoted(text)}") == yaml.safe_load(f"a: {quoted(text)}") == {"a": text}


def test_what_is_in_no_encoding_is_refused() -> None:
    with pytest.raises(UsageError, match="can't stand in a file"):
        quoted("\udcff")


def test_a_write_that_fails_takes_the_others_back(tmp_path: Path) -> None:
    (tmp_path / "ops").write_text("a file where a folder must be")

    with pytest.raises(UsageError, match="can't be"):
        start(tmp_path, FromImage(image=IMAGE))

    assert tree(tmp_path) == {"ops": b"a file where a folder must be"}


def test_the_schedule_that_goes_on_with_what_was_left_is_written(tmp_path: Path) -> None:
    start(tmp_path, FromExample())

    assert "DEPLOY resume --all" in (tmp_path / "ops/resume.cron").read_text()
    assert "DEPLOY resume --all" in (tmp_path / "ops/resume.service").read_text()
