import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.adapters.builders.workshop import Workshop, workshop, write_files
from towpath.adapters.builders.folder import FilesOfModels
from towpath.adapters.oci.client import RegistryClient
from towpath.core.errors import UsageError
from towpath.core.image import BuilderName, ImageSpec
from towpath.core.inputs import Feature


@pytest.fixture
def place(tmp_path: Path, client: RegistryClient) -> Workshop:
    return workshop(tmp_path, client)


def read(place: Workshop) -> FilesOfModels:
    return FilesOfModels(place.kit, place.hashes)


def test_a_single_file_is_known_by_its_own_sha256(place: Workshop) -> None:
    inputs = read(place).inputs(place.model)
    assert inputs.hashes["lock"] == hashlib.sha256(b"dep==1.0\n").hexdigest()
    assert inputs.hashes["weights"] == hashlib.sha256(b"w" * 100_000).hexdigest()
    assert set(inputs.hashes) == {"lock", "code", "weights", "kit"}


def test_the_hash_of_the_data_is_taken_where_it_is_named(place: Workshop) -> None:
    write_files(place.root / "model", {"data.csv.dvc": b"md5: x"})
    inputs = read(place).inputs(replace(place.model, data="data.csv.dvc"))
    assert inputs.hashes["data"] == hashlib.sha256(b"md5: x").hexdigest()


def test_a_change_of_the_lock_changes_only_its_hash(place: Workshop) -> None:
    before = read(place).inputs(place.model).hashes
    (place.root / "model" / "requirements.txt").write_text("dep==2.0\n")
    after = read(place).inputs(place.model).hashes
    assert {name for name in before if before[name] != after[name]} == {"lock"}


def test_metrics_are_numbers_by_their_path(place: Workshop) -> None:
    text = b'{"auc": 0.99, "rows": 569, "by": {"age": {"old": 0.5}}, "note": "x", "good": true}'
    write_files(place.root / "model", {"metrics.json": text})
    assert read(place).inputs(place.model).metrics == {"auc": 0.99, "rows": 569.0, "by.age.old": 0.5}


@pytest.mark.parametrize(
    ("text", "said"), [(b"{", "not JSON"), (b"[]", "not an object"), (b'{"auc": NaN}', "auc is nan, no number")]
)
def test_metrics_that_say_nothing_are_refused(place: Workshop, text: bytes, said: str) -> None:
    write_files(place.root / "model", {"metrics.json": text})
    with pytest.raises(UsageError, match=said):
        read(place).inputs(place.model)


INPUTS = b'"inputs": {"x": {"features": ["radius"], "cuts": [[1.5]], "counts": [[3, 4]]}}'
REFERENCE = b'{"version": 1, "outputs": {}, ' + INPUTS + b"}"
RADIUS = Feature(input="x", name="radius", cuts=(1.5,), trained=(3, 4))


@pytest.mark.parametrize("where", ["reference.json", "weights/reference.json"])
def test_what_the_training_data_was_like_is_read_where_the_kit_finds_it(place: Workshop, where: str) -> None:
    write_files(place.root / "model", {"reference.json": b"{", where: REFERENCE})
    assert read(place).inputs(place.model).features == (RADIUS,)


@pytest.mark.parametrize(
    ("weights", "where"),
    [
        (("weights/model.bin", "weights/reference.json"), "weights/reference.json"),
        (("out/weights", "out/reference.json"), "out/reference.json"),
        (("out/a", "out/b", "out/reference.json"), "out/reference.json"),
        (("out/weights",), "reference.json"),  # what lies beside the weights alone doesn't go into the image
        (("model.bin",), "reference.json"),
        ((), "reference.json"),
    ],
)
def test_the_reference_is_looked_for_around_the_folder_that_holds_all_weights(
    place: Workshop, weights: tuple[str, ...], where: str
) -> None:
    write_files(place.root / "model", {f"{name}/w" if "." not in name else name: b"w" for name in weights})
    write_files(
        place.root / "model", {"reference.json": b"{", "out/reference.json": b"{", "out/a/reference.json": b"{"}
    )
    write_files(place.root / "model", {where: REFERENCE})
    write_files(place.root, {"reference.json": b"{"})
    assert read(place).inputs(place.with_image(weights=weights)).features == (RADIUS,)


BROKEN = [b"{", b"[]", b"\xff", b'{"inputs": 3}']


@pytest.mark.parametrize("text", BROKEN)
def test_a_reference_that_the_kit_would_refuse_is_refused_before_anything_is_built(
    place: Workshop, text: bytes
) -> None:
    write_files(place.root / "model", {"reference.json": text})
    with pytest.raises(UsageError, match=r"reference\.json"):
        read(place).inputs(place.model)


@pytest.mark.parametrize("text", BROKEN)
def test_a_reference_beside_a_dockerfile_may_be_anything(place: Workshop, text: bytes) -> None:
    write_files(place.root / "model", {"Dockerfile": b"FROM scratch", "reference.json": text})
    model = replace(place.model, image=ImageSpec(builder=BuilderName.DOCKERFILE))
    assert read(place).inputs(model).features == ()


def test_rows_that_the_kit_could_not_answer_are_told_with_everything_else(place: Workshop) -> None:
    write_files(place.root / "model", {"holdout.jsonl": b'{}\n{"a":\n', "metrics.json": b"{", "reference.json": b"{"})
    with pytest.raises(UsageError, match=r"4 problems(.|\n)*holdout\.jsonl:2: ") as caught:
        read(place).inputs(place.with_image(command="serve:Gone", code=("serve.py", "holdout.jsonl")))
    assert "serve.py has no Gone; its classes: M" in caught.value.message


def test_rows_that_do_not_go_into_the_image_stop_no_build(place: Workshop) -> None:
    write_files(place.root / "model", {"holdout.jsonl": b"version https://git-lfs.github.com/spec/v1\n"})
    assert read(place).inputs(place.model).hashes


def test_an_image_that_was_built_elsewhere_has_no_training_data_of_this_folder(place: Workshop) -> None:
    write_files(place.root / "model", {"reference.json": REFERENCE})
    spec = ImageSpec(builder=BuilderName.IMAGE, image="localhost:5055/m@sha256:" + "a" * 64)
    assert read(place).inputs(replace(place.model, image=spec)).features == ()


def test_everything_that_is_missing_is_said_at_once(place: Workshop) -> None:
    spec = ImageSpec(code=("gone.py", "../outside"), weights=("no-weights",), requirements="no-lock.txt", command="bad")
    with pytest.raises(UsageError) as caught:
        read(place).inputs(replace(place.model, image=spec, data="no-data"))
    for named in ("gone.py", "../outside", "no-weights", "no-lock.txt", "no-data", "module:Class"):
        assert named in caught.value.message
    assert "6 problems" in caught.value.message
    assert "train the model first" in caught.value.message


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("serve:N", "command: serve.py has no N; its classes: M"),
        ("left:M", "command: left.py is not among the files of code; add it there"),
        ("nowhere:M", "command: no file of code is the module nowhere, and there are no requirements"),
        ("empty:M", "command: empty/__init__.py has no M; its classes: none"),
        ("both:M", "command: both/__init__.py has no M; its classes: Other"),
    ],
)
def test_a_command_that_cannot_be_served_is_told_before_anything_is_built(
    place: Workshop, command: str, said: str
) -> None:
    files = {"left.py": b"class M: ...", "empty/__init__.py": b"", "both.py": b"class M: ..."}
    write_files(place.root / "model", files | {"both/__init__.py": b"class Other: ..."})
    code = ("serve.py", "empty", "both.py", "both")
    with pytest.raises(UsageError) as caught:
        read(place).inputs(place.with_image(command=command, base="python3.11", requirements="", code=code))
    assert said in caught.value.message


@pytest.mark.parametrize(
    "changes",
    [
        {"command": "nowhere:M", "requirements": "requirements.txt"},
        {"command": "nowhere:M", "base": "registry:5000/ours@sha256:" + "a" * 64},
        {"command": "inner:M", "env": {"PYTHONPATH": "/app/pack"}},
        {"command": "towpath.serving.pickled:PickledModel"},
        {"command": "towpath.serving.pickled:PickledModel", "code": ()},
        {"command": "pack.inner:M"},
        {"command": "pack.fast:M"},
    ],
)
def test_a_command_that_may_be_served_is_let_on(place: Workshop, changes: dict[str, object]) -> None:
    files = {"pack/inner.py": b"from elsewhere import *", "pack/fast.cpython-311-x86_64-linux-gnu.so": b"\x7fELF"}
    write_files(place.root / "model", files)
    inputs = read(place).inputs(
        place.with_image(**{"base": "python3.11", "requirements": "", "code": ("serve.py", "pack"), **changes})
    )
    assert inputs.notes == ()


def test_a_module_that_is_left_out_is_noted_where_it_may_come_with_the_requirements(place: Workshop) -> None:
    write_files(place.root / "model", {"dep/__init__.py": b"class M: ..."})
    (note,) = read(place).inputs(place.with_image(command="dep:M")).notes
    assert note.startswith("dep/__init__.py is not among the files of code: unless dep comes from elsewhere")


def test_a_dockerfile_and_its_context_are_the_code(place: Workshop) -> None:
    write_files(place.root / "model", {"Dockerfile": b"FROM scratch"})
    model = replace(place.model, image=ImageSpec(builder=BuilderName.DOCKERFILE, weights=("weights",)))
    before = read(place).inputs(model).hashes
    write_files(place.root / "model", {"Dockerfile": b"FROM scratch\nUSER 1"})
    after = read(place).inputs(model).hashes
    assert before["weights"] == after["weights"]
    assert before["code"] != after["code"]


def test_a_link_to_a_cache_counts_as_the_file_it_leads_to(place: Workshop) -> None:
    weights = place.root / "model" / "weights" / "model.bin"
    weights.rename(place.root / "blob")
    weights.symlink_to(place.root / "blob")
    assert read(place).inputs(place.model).hashes["weights"] == hashlib.sha256(b"w" * 100_000).hexdigest()
