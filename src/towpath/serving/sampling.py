"""Which requests go into the log of predictions, and what of them may."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from towpath.serving.excerpt import Limits, blanked

SAMPLE = "TOWPATH_SAMPLE"  # share of requests that go into the log of predictions
SAMPLE_WITHOUT = "TOWPATH_SAMPLE_WITHOUT"  # what stays out of it, with commas between

_ALL = "*"
_PLACE = re.compile(r"(.+)\[(\d+)\]")
_HASHES = 2**64


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
        self, name: str, rows: Sequence[object], shape: Sequence[int], features: Sequence[str] = ()
    ) -> Sequence[object] | None:
        """The rows of an input as they may be logged, null where a feature stays out; None where all of them do."""
        return None if _ALL in self.without else self.of_output(name, rows, shape, features)

    def of_output(
        self, name: str, rows: Sequence[object], shape: Sequence[int], features: Sequence[str] = ()
    ) -> Sequence[object] | None:
        """The same of an output."""
        if name in self.without:
            return None
        places = self._places(name, features)
        if not places:
            return rows
        # one dimension may be one row or a row per value: nobody knows which value is which feature
        return blanked(rows, shape[-1], places, Limits()) if len(shape) > 1 else None

    def _places(self, tensor: str, features: Sequence[str]) -> frozenset[int]:
        found = (_PLACE.fullmatch(entry) for entry in self.without)
        numbered = (int(place[2]) for place in found if place is not None and place[1] == tensor)
        named = (place for place, feature in enumerate(features) if feature in self.without)
        return frozenset((*numbered, *named))


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
