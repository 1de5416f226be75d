"""What TOWPATH_… variables say."""

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Defaults of a shell or a CI job; options of the command line come first.

    Attributes:
        config: TOWPATH_CONFIG, the pipeline's file.
        actor: TOWPATH_ACTOR, who acts, for journal and records: a CI job's user.
    """

    model_config = SettingsConfigDict(env_prefix="TOWPATH_", frozen=True)

    config: str = ""
    actor: str = ""
