"""What users' requests to one replica of a model were like, from the serving kit's exposition."""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

from prometheus_client.samples import Sample

from towpath.core.inputs import Asked, Feature

INPUTS: Final = "towpath_inputs_bucket"
TRAINED: Final = "towpath_inputs_reference"

_Upto = dict[float, int]  # counts up to each edge


def read_inputs(samples: Iterable[Sample], problems: list[str]) -> Asked:
    """Rows by feature and bin, of users only; counts that fall from one edge to the next are added to the problems."""
    every = tuple(samples)
    live = _by_place(one for one in every if one.name == INPUTS and one.labels.get("probe") == "false")
    trained = _by_place(one for one in every if one.name == TRAINED)
    found: dict[Feature, tuple[int, ...]] = {}
    for place, upto in live.items():
        cuts = tuple(sorted(upto))[:-1]
        rows = trained.get(place, {})
        known = _bins(rows) if rows.keys() == upto.keys() else ()  # else another file's, or none
        counts = _bins(upto)
        feature = Feature(input=place[0], name=place[1], cuts=cuts, trained=known)
        if min(*counts, *known, 0) < 0:
            problems.append(f"towpath_inputs: {feature.spoken}: fewer rows up to a higher edge than up to a lower one")
        found[feature] = counts
    return found


def _by_place(samples: Iterable[Sample]) -> Mapping[tuple[str, str], _Upto]:
    found: dict[tuple[str, str], _Upto] = {}
    for sample in samples:
        place = sample.labels.get("input", ""), sample.labels.get("feature", "")
        found.setdefault(place, {})[float(sample.labels["le"])] = int(sample.value)
    return found


def _bins(upto: _Upto) -> tuple[int, ...]:
    cumulated = [0, *(upto[edge] for edge in sorted(upto))]
    return tuple(now - before for before, now in pairwise(cumulated))
