"""What all tables of our files have in common."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of a file: unknown keys are errors, and nothing is converted behind the writer's back."""

    # built when a file is first read: every run of the engine imports tables that it doesn't read
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)
