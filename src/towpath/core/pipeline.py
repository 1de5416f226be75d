"""deploy.toml, parsed: which models there are, and which environments a release goes through."""

from dataclasses import dataclass, replace

from towpath.core.canary_policy import CanaryPolicy
from towpath.core.errors import UsageError
from towpath.core.image import ModelSpec
from towpath.core.own_metrics import own_of


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
    canary: CanaryPolicy | None = None

    def judging(self, model: str) -> "Environment":
        """The same, with a canary that is judged on what that model is judged on."""
        if self.canary is None:
            return self
        return replace(self, canary=replace(self.canary, own=own_of(self.canary.own, model)))

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
