"""The `image` table of a model: one shape per builder, so that a key of another builder is an unknown one."""

import shlex
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from towpath.core.errors import UsageError
from towpath.core.image import BuilderName, ImageSpec, Platform, parse_platform
from towpath.core.release import parse_image
from towpath.schema.table import Table


def inner_path(value: str) -> str:
    """A relative path that stays inside its folder.

    Raises:
        ValueError: with what would be valid.
    """
    parts = value.split("/")
    if not value or value.startswith("/") or ".." in parts or "\\" in value:
        raise ValueError("a relative path with / that stays inside its folder")
    return value


def words(value: object) -> object:
    """A command line as its words; a list is one already.

    Raises:
        ValueError: the quotes don't close.
    """
    if not isinstance(value, str):
        return value
    try:
        return shlex.split(value)
    except ValueError as error:
        raise ValueError("a command line whose quotes close, or a list of words") from error


def _platform(value: object) -> Platform:
    try:
        return parse_platform(value if isinstance(value, str) else "")
    except UsageError as error:
        raise ValueError(error.hint.removeprefix("valid: ")) from error


def _image(value: str) -> str:
    try:
        return str(parse_image(value))
    except UsageError as error:
        raise ValueError(error.hint) from error


def _target(value: str) -> str:
    module, colon, name = value.partition(":")
    if not colon or not name.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise ValueError("a class as module:Class")
    return value


def _python(value: str) -> str:
    major, _, minor = value.partition(".")
    if major != "3" or not minor.isdigit():
        raise ValueError('a Python version as "3.11"')
    return value


def _environment(value: dict[str, str]) -> dict[str, str]:
    wrong = [name for name in value if not name.isidentifier()]
    if wrong:
        raise ValueError("names of variables in letters, digits and _")
    return value


InnerPath = Annotated[str, AfterValidator(inner_path)]
Words = Annotated[list[str], BeforeValidator(words, json_schema_input_type=str | list[str])]
PlatformName = Annotated[Platform, BeforeValidator(_platform, json_schema_input_type=str)]


class LayersImage(Table):
    """Assembled from a base, locked wheels, weights, kit and code; no Docker needed."""

    builder: Literal["layers"] = "layers"
    platform: PlatformName = Platform(os="linux", architecture="amd64")
    base: Annotated[str, Field(min_length=1)] = "python3.11"
    python: Annotated[str, AfterValidator(_python)] = "3.11"
    requirements: InnerPath | None = None
    code: list[InnerPath] = Field(default=[])
    weights: list[InnerPath] = Field(default=[])
    command: Annotated[str, AfterValidator(_target)]
    env: Annotated[dict[str, str], AfterValidator(_environment)] = Field(default={})

    def spec(self) -> ImageSpec:
        """The core's form."""
        return ImageSpec(
            builder=BuilderName.LAYERS,
            platform=self.platform,
            base=self.base,
            python=self.python,
            requirements=self.requirements or "",
            code=tuple(self.code),
            weights=tuple(self.weights),
            command=self.command,
            env=dict(sorted(self.env.items())),
        )


class DockerfileImage(Table):
    """Made by the Docker daemon from the user's own Dockerfile."""

    builder: Literal["dockerfile"]
    platform: PlatformName = Platform(os="linux", architecture="amd64")
    dockerfile: InnerPath = "Dockerfile"
    context: InnerPath = "."

    def spec(self) -> ImageSpec:
        """The core's form."""
        return ImageSpec(
            builder=BuilderName.DOCKERFILE,
            platform=self.platform,
            dockerfile=self.dockerfile,
            context=self.context,
        )


class ExistingImage(Table):
    """One that somebody else built, by digest."""

    builder: Literal["image"]
    platform: PlatformName = Platform(os="linux", architecture="amd64")
    image: Annotated[str, AfterValidator(_image)]

    def spec(self) -> ImageSpec:
        """The core's form."""
        return ImageSpec(builder=BuilderName.IMAGE, platform=self.platform, image=self.image)


def _builder(value: Any) -> str:  # noqa: ANN401 - whatever the file holds there
    found = value.get("builder", "layers") if isinstance(value, dict) else getattr(value, "builder", "layers")
    return found if isinstance(found, str) else repr(found)


AnyImage = Annotated[
    Annotated[LayersImage, Tag("layers")]
    | Annotated[DockerfileImage, Tag("dockerfile")]
    | Annotated[ExistingImage, Tag("image")],
    Discriminator(_builder),
]
