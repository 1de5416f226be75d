"""A pickled model with a function beside it."""

import pickle
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.serving.kit import ready, serving
from towpath.serving.pickled import PREDICT, PickledModel
from towpath.serving.protocol import Inputs

PICKLED = "towpath.serving.pickled:PickledModel"


def pickled(folder: Path, *names: str) -> None:
    (folder / "weights").mkdir()
    for name in names:
        (folder / "weights" / name).write_bytes(pickle.dumps(Fraction(3, 2)))


def predict_file(folder: Path, body: str) -> None:
    (folder / "predict.py").write_text(body)


def test_the_function_in_predict_py_is_given_the_model_and_the_inputs(tmp_path: Path) -> None:
    pickled(tmp_path, "model.pkl")
    predict_file(tmp_path, "def predict(model, inputs):\n    return {'y': [float(model * v) for v in inputs['x']]}\n")
    with ready(PICKLED, tmp_path) as kit:
        assert kit.infer_values(1, 2).json["outputs"][0]["data"] == [1.5, 3.0]


def test_without_predict_py_the_models_own_method_gets_the_rows(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "shapes.py").write_text(
        "class Doubler:\n    def predict(self, rows):\n        return [2 * v for v in rows]\n"
    )
    # the bytes of pickle.dumps(shapes.Doubler()), whose module only the served folder has
    (tmp_path / "weights" / "model.pkl").write_bytes(b"cshapes\nDoubler\n(tR.")
    with ready(PICKLED, tmp_path) as kit:
        assert kit.infer_values(1, 2).json["outputs"][0]["data"] == [2, 4]


def test_of_several_pickles_one_must_be_named(tmp_path: Path) -> None:
    pickled(tmp_path, "a.pkl", "b.pkl")
    predict_file(tmp_path, "def predict(model, inputs):\n    return float(model)\n")
    with serving(PICKLED, tmp_path) as kit:
        kit.until_state("failed")
        reason = kit.get("/v2/health/ready").json["reason"]
        assert "has a.pkl, b.pkl; TOWPATH_PICKLE can name one" in reason
    with ready(PICKLED, tmp_path, {"TOWPATH_PICKLE": "b.pkl"}) as kit:
        assert kit.infer_values(1).json["outputs"][0]["data"] == [1.5]


def test_a_predict_py_without_the_function_is_said(tmp_path: Path) -> None:
    pickled(tmp_path, "model.pkl")
    predict_file(tmp_path, "def forecast(model, inputs):\n    return 1\n")
    with serving(PICKLED, tmp_path) as kit:
        kit.until_state("failed")
        assert kit.get("/v2/health/ready").json["reason"].endswith("must define a function predict(model, inputs)")


@pytest.mark.parametrize("compress", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3)])
def test_what_joblib_wrote_is_loaded_by_joblib_whatever_it_is_called(tmp_path: Path, compress: object) -> None:
    joblib, numpy = pytest.importorskip("joblib"), pytest.importorskip("numpy")
    joblib.dump({"factors": numpy.array([1.5, 2.5])}, tmp_path / "model.pkl", compress=compress)
    (tmp_path / "asked.py").write_text("def predict(model, inputs):\n    return model['factors']\n")
    try:
        model = PickledModel({PREDICT: "asked.py"}, tmp_path)
        model.load(tmp_path)
        answer: Any = model.predict(Inputs())
        assert list(answer) == [1.5, 2.5]
    finally:
        sys.modules.pop("asked", None)


def test_an_image_without_joblib_is_told_what_it_lacks(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "model.pkl").write_bytes(b"cjoblib.numpy_pickle\nNumpyArrayWrapper\n(tR.")
    (tmp_path / "joblib.py").write_text("raise ModuleNotFoundError(\"No module named 'joblib'\", name='joblib')\n")
    with serving(PICKLED, tmp_path) as kit:
        kit.until_state("failed")
        assert kit.get("/v2/health/ready").json["reason"] == (
            "load: ModuleNotFoundError: model.pkl was written by joblib: add joblib to the image's requirements "
            "(No module named 'joblib')"
        )


def test_the_pickle_has_the_classes_of_predict_py(tmp_path: Path) -> None:
    (tmp_path / "weights").mkdir()
    # the bytes of pickle.dumps(Scale()), which training wrote with predict.py beside it
    (tmp_path / "weights" / "model.pkl").write_bytes(b"cpredict\nScale\n(tR.")
    predict_file(
        tmp_path,
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\n"
        "class Scale:\n"
        "    factor: int = 3\n"
        "def predict(model, inputs):\n"
        "    return [isinstance(model, Scale)]\n",
    )
    with ready(PICKLED, tmp_path) as kit:
        assert kit.infer_values(1).json["outputs"][0]["data"] == [True]


def test_a_predict_py_is_run_once_and_forgotten_when_it_fails(tmp_path: Path) -> None:
    pickled(tmp_path, "model.pkl")
    runs, file = tmp_path / "runs", tmp_path / "fails_once.py"
    file.write_text(
        "from pathlib import Path\n"
        f"runs = Path({str(runs)!r})\n"
        "runs.write_text((runs.read_text() if runs.exists() else '') + 'run ')\n"
        "if runs.read_text() == 'run ':\n"
        "    raise ValueError('no')\n"
        "def predict(model, inputs):\n"
        "    return 1\n"
    )
    model = PickledModel({PREDICT: file.name}, tmp_path)
    try:
        with pytest.raises(ValueError, match="no"):
            model.load(tmp_path / "weights")
        assert "fails_once" not in sys.modules
        model.load(tmp_path / "weights")
        model.load(tmp_path / "weights")
        assert runs.read_text() == "run run "
    finally:
        sys.modules.pop("fails_once", None)
