"""What training wrote of its data, as far as it can be used."""

import math

import pytest

from towpath.core.inputs import Feature, features_of


def test_features_are_read_with_their_names_or_their_places() -> None:
    named = {"features": ["radius", "area"], "cuts": [[1, 2.5], [3]], "counts": [[4, 5, 6], [7, 8]]}
    unnamed = {"cuts": [[0.5]], "counts": [[1, 2]]}

    assert features_of({"version": 1, "inputs": {"m": named, "n": unnamed}}) == (
        Feature(input="m", name="radius", cuts=(1.0, 2.5), trained=(4, 5, 6)),
        Feature(input="m", name="area", cuts=(3.0,), trained=(7, 8)),
        Feature(input="n", name="0", cuts=(0.5,), trained=(1, 2)),
    )


@pytest.mark.parametrize(
    "tensor",
    [
        None,
        {},
        {"cuts": [[1.0]]},
        {"cuts": [[1.0]], "counts": 3},
        {"cuts": [7], "counts": [[1, 2]]},
        {"cuts": [[2.0, 1.0]], "counts": [[1, 2, 3]]},
        {"cuts": [[1.0]], "counts": [[1, 2, 3]]},
        {"cuts": [[1.0]], "counts": [[1, -2]]},
        {"cuts": [[1.0]], "counts": [[1, 0.5]]},
        {"cuts": [[math.nan]], "counts": [[1, 2]]},
        {"cuts": [[10**400]], "counts": [[1, 2]]},
        {"cuts": [[True]], "counts": [[1, 2]]},
    ],
)
def test_what_says_nothing_of_training_rows_is_left_out(tensor: object) -> None:
    assert features_of({"inputs": {"m": tensor}}) == ()


@pytest.mark.parametrize("reference", [None, [], {}, {"inputs": None}, {"inputs": [1]}])
def test_a_reference_without_inputs_has_no_features(reference: object) -> None:
    assert features_of(reference) == ()
