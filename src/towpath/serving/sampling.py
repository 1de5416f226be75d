"""Which requests go into the log of predictions, and what of them may."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

SAMPLE = "TOWPATH_SAMPLE"  # share of requests that go into the log of predictions
SAMPLE_WITHOUT = "TOWPATH_SAMPLE_WITHOUT"  # names of inputs that stay out of it, with commas between; *: all

_ALL = "*"
_HASHES = 2**64


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """A share of the requests.

    Attributes:
        share: of the requests for one answer; 0: none.
        without: names of inputs that stay out of the log; `*`: all do.
    """

    share: float = 0.0
    without: frozenset[str] = frozenset()

    def takes(self, body: bytes) -> bool:
        """Whether this request goes into the log: its content alone decides, so that two releases log the same ones."""
        if self.share <= 0:
            return False
        return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest()) < self.share * _HASHES

    def keeps(self, tensor: str) -> bool:
        """Whether the values of this input may be logged."""
        return _ALL not in self.without and tensor not in self.without


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
