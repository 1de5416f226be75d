"""One answer of one replica of the model, for everybody who reads something in it."""

from dataclasses import dataclass

from towpath.core.tallies import Arm


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelReplica:
    """A replica of the model: its name, whose it is, and its address as the router knows it (ip:port)."""

    name: str
    arm: Arm
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Scrape:
    """What one replica answered when it was asked for its `/metrics`.

    Attributes:
        replica: which.
        status: of the answer; 0 where none came.
        data: the answer.
        problem: why none came.
    """

    replica: ModelReplica
    status: int = 0
    data: bytes = b""
    problem: str = ""
