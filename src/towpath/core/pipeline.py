"""deploy.toml, parsed: which models there are, and which environments a release goes through."""

from dataclasses import dataclass
from typing import Literal

from towpath.core.errors import UsageError
from towpath.core.image import ModelSpec

CanaryStrategy = Literal["canary", "blue-green"]
OnInconclusive = Literal["hold", "rollback"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Probing:
    """Requests of our own where users send few.

    Attributes:
        rate: requests a second to each arm.
        below: requests a second of live canary traffic under which probes are sent.
    """

    rate: float = 5.0
    below: float = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Margin:
    """How much more of an event is too much: `candidate > ratio * stable + plus`, in shares of requests."""

    ratio: float
    plus: float


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorMargins:
    """What counts as worse, for both decisions.

    Attributes:
        rollback: beyond it the candidate is rolled back.
        promote: it must be shown to be within it to be promoted.
    """

    rollback: Margin = Margin(ratio=1.10, plus=0.0005)
    promote: Margin = Margin(ratio=1.5, plus=0.002)


@dataclass(frozen=True, kw_only=True, slots=True)
class CanarySettings:
    """How a release comes to carry all traffic of an environment. Times in seconds.

    Attributes:
        strategy: canary: growing shares; blue-green: one share, of everything but the holdback.
        traffic: percent of each step, ascending, before the last one.
        holdback: percent that stable keeps in the last step.
        dwell: at least so long in each step.
        poll: between two observations.
        min_time: from the first traffic to *promote*, at least.
        max_time: after it the judge is *inconclusive*.
        min_requests: of the candidate, before *promote*.
        alpha: chance of rolling back a candidate that is within the margins.
        beta: chance of promoting one that is beyond a margin.
        warm_up: in which signs of a cold start don't count.
        max_gap: without observations for so long, the candidate loses its traffic.
        on_inconclusive: hold asks a person, rollback doesn't.
        margins: of the error channel.
        probes: absent: none are sent.
    """

    strategy: CanaryStrategy = "canary"
    traffic: tuple[float, ...] = (5.0, 25.0, 50.0)
    holdback: float = 5.0
    dwell: float = 120.0
    poll: float = 10.0
    min_time: float = 600.0
    max_time: float = 3600.0
    min_requests: int = 0
    alpha: float = 0.01
    beta: float = 0.05
    warm_up: float = 300.0
    max_gap: float = 300.0
    on_inconclusive: OnInconclusive = "hold"
    margins: ErrorMargins = ErrorMargins()
    probes: Probing | None = None

    @property
    def shares(self) -> tuple[float, ...]:
        """Percent of every step, the last with the holdback."""
        last = 100 - self.holdback
        return (last,) if self.strategy == "blue-green" else (*self.traffic, last)


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model of the pipeline.

    Attributes:
        spec: what is built.
        train: the words that train it, run in its folder; empty when there are none.
    """

    spec: ModelSpec
    train: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in deploy.toml, and the last part of its repository."""
        return self.spec.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """A named place in the pipeline; the stack of the same name.

    Attributes:
        name: of the stack.
        promotes_from: the environment before; absent for the first.
        protected: takes only releases built from a committed tree, and is destroyed only when it is named twice.
        canary: absent: ready, then all traffic at once.
    """

    name: str
    promotes_from: str | None = None
    protected: bool = False
    canary: CanarySettings | None = None

    @property
    def require_clean(self) -> bool:
        """Whether a release must have been built from a committed tree."""
        return self.protected


@dataclass(frozen=True, kw_only=True, slots=True)
class Pipeline:
    """What deploy.toml says.

    Attributes:
        file: absolute path of deploy.toml.
        root: absolute path of its folder, where the Pulumi project is.
        state: absolute path of the folder with journal, releases, passphrase and Pulumi's state.
        models: in the order of the file.
        environments: in the order of the file.
    """

    file: str
    root: str
    state: str
    models: tuple[Model, ...]
    environments: tuple[Environment, ...]

    def model(self, name: str = "") -> Model:
        """The model of that name; with an empty name, the only one.

        Raises:
            UsageError: there is no such model, or several and none was named.
        """
        known = ", ".join(model.name for model in self.models)
        if not name:
            if len(self.models) == 1:
                return self.models[0]
            raise UsageError(f"{self.file} has {len(self.models)} models", f"name one of them: {known}")
        found = next((model for model in self.models if model.name == name), None)
        if found is None:
            raise UsageError(f"{self.file} has no model {name!r}", f"valid: {known}")
        return found

    def environment(self, name: str) -> Environment:
        """The environment of that name.

        Raises:
            UsageError: there is none.
        """
        found = next((environment for environment in self.environments if environment.name == name), None)
        if found is None:
            known = ", ".join(environment.name for environment in self.environments)
            raise UsageError(f"{self.file} has no environment {name!r}", f"valid: {known}")
        return found
