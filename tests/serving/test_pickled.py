"""A pickled model with a function beside it."""

import pickle
from fractions import Fraction
from pathlib import Path

from tests.serving.kit import ready, serving

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
