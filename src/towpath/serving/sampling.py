"""Which requests go into the log of predictions, and what of them may."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from towpath.serving.excerpt import Limits, blanked
from towpath.serving.protocol import TensorSpec

SAMPLE = "TOWPATH_SAMPLE"  # share of requests that go into the log of predictions
SAMPLE_WITHOUT = "TOWPATH_SAMPLE_WITHOUT"  # what stays out of it, with commas between

_ALL = "*"
_PLACE = re.compile(r"(.+)\[(\d+)\]")
_HASHES = 2**64


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """An input that isn't the caller's invention.

    Attributes:
        features: in the order of its row, as the reference calls them.
        widths: the lengths of its last dimension that were told: the model's own, and how many features the reference
            names; one where they agree, none where neither says.
    """

    features: Sequence[str] = ()
    widths: frozenset[int] = frozenset()


def known_inputs(declared: Sequence[TensorSpec], features: Mapping[str, Sequence[str]]) -> Mapping[str, Known]:
    """By name the inputs that the model declares or the reference names the features of."""
    shapes = {spec.name: spec.shape for spec in declared}
    return {name: _known(shapes.get(name, ()), features.get(name, ())) for name in {*shapes, *features}}


def _known(shape: tuple[int, ...], features: Sequence[str]) -> Known:
    return Known(features=features, widths=frozenset({*shape[-1:], len(features)} - {-1, 0}))


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """A share of the requests.

    Attributes:
        share: of the requests for one answer; 0: none.
        without: what stays out of the log: tensors by name, `tensor[3]` by place in its last dimension, features as the
            reference calls them; `*`: all inputs.
    """

    share: float = 0.0
    without: frozenset[str] = frozenset()

    def takes(self, body: bytes) -> bool:
        """Whether this request goes into the log: its content alone decides, so that two releases log the same ones."""
        if self.share <= 0:
            return False
        return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest()) < self.share * _HASHES

    def of_input(
        self, name: str, rows: Sequence[object], shape: Sequence[int], known: Known | None
    ) -> Sequence[object] | None:
        """The rows of an input as they may be logged, null where a feature stays out; None where all of them do.

        Where anything stays out, an input that nobody knows does too, for a caller may send under any name what stays
        out under its own; and so do rows with a feature that stays out, unless they are as long as was told.
        """
        if not self.without:
            return rows
        if _ALL in self.without or name in self.without or known is None:
            return None
        places = self._places(name, known.features)
        if not places:
            return rows
        return _blanked(rows, shape, places) if known.widths == {*shape[-1:]} else None

    def of_output(self, name: str, rows: Sequence[object], shape: Sequence[int]) -> Sequence[object] | None:
        """The same of an output, whose name and shape are the model's."""
        if name in self.without:
            return None
        places = self._places(name, ())
        return _blanked(rows, shape, places) if places else rows

    def _places(self, tensor: str, features: Sequence[str]) -> frozenset[int]:
        found = (_PLACE.fullmatch(entry) for entry in self.without)
        numbered = (int(place[2]) for place in found if place is not None and place[1] == tensor)
        named = (place for place, feature in enumerate(features) if feature in self.without)
        return frozenset((*numbered, *named))


def _blanked(rows: Sequence[object], shape: Sequence[int], places: frozenset[int]) -> Sequence[object] | None:
    # one dimension may be one row or a row per value: nobody knows which value is which feature
    return blanked(rows, shape[-1], places, Limits()) if len(shape) > 1 else None


def read_sampling(told: Mapping[str, str], problems: list[str]) -> Sampling:
    """What the environment says of it; what it can't say is added to the problems."""
    names = (name.strip() for name in told.get(SAMPLE_WITHOUT, "").split(","))
    return Sampling(share=_share(told, problems), without=frozenset(name for name in names if name))


def _share(told: Mapping[str, str], problems: list[str]) -> float:
    text = told.get(SAMPLE) or "0"
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:  # also a NaN
        problems.append(f"{SAMPLE} is {text!r}, and must be a share from 0 to 1 such as 0.01")
        return 0.0
    return share
