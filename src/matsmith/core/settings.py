"""Settings from the environment (`MATSMITH_*`), a `.env` file or arguments; secrets never show in a print."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated

from platformdirs import user_cache_path, user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from matsmith.core.errors import SettingsError


def _alias(name: str) -> AliasChoices:
    """Take a setting by its field name, by `MATSMITH_` and by the name that other programs use."""
    return AliasChoices(name.lower(), f"MATSMITH_{name}", name)


class Settings(BaseSettings):
    """Everything that a user can set; `matsmith doctor` prints it."""

    model_config = SettingsConfigDict(env_prefix="MATSMITH_", env_file=".env", extra="ignore", frozen=True)

    data_dir: Annotated[Path, NoDecode] = Field(
        default_factory=lambda: user_data_path("matsmith") / "tables",
        validation_alias=AliasChoices("data_dir", "MATSMITH_DATA", "MATSMITH_DATA_DIR"),
        description="folder with the tables that `matsmith data get` downloads",
    )
    cache_dir: Path = Field(default_factory=lambda: user_cache_path("matsmith"))
    state_dir: Path = Field(default_factory=lambda: user_data_path("matsmith"))
    runs_dir: Path = Field(default=Path("matsmith-runs"), description="where runs go when --out is not given")
    library_dir: Path = Field(
        default_factory=lambda: user_data_path("matsmith") / "library",
        validation_alias=AliasChoices("library_dir", "MATSMITH_LIBRARY", "MATSMITH_LIBRARY_DIR"),
        description="where `matsmith ingest` keeps the papers",
    )
    embedding_model: str = Field(
        default="minilm",
        min_length=1,
        description="minilm, none, or the name of an embedding model on the server",
    )
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    potential: str = Field(
        default="chgnet",
        min_length=1,
        description="interatomic potential, as NAME or NAME:MODEL; `matsmith doctor` lists those installed",
    )
    threads: int = Field(default=0, ge=0, description="threads of the physics process; 0 means all cores")
    reasoner: str = Field(default="rules", pattern=r"^(rules|openai)$")
    model: str | None = Field(default=None, description="name of the language model on the server")
    model_timeout_s: float = Field(default=120.0, gt=0)
    openai_api_key: SecretStr | None = Field(default=None, validation_alias=_alias("OPENAI_API_KEY"))
    openai_base_url: str | None = Field(default=None, validation_alias=_alias("OPENAI_BASE_URL"))
    mp_api_key: SecretStr | None = Field(default=None, validation_alias=_alias("MP_API_KEY"))
    optimade: str | None = Field(
        default=None,
        pattern=r"^(mp|alexandria)$",
        description="mp or alexandria: asked for competing phases over OPTIMADE, without a key; unset asks nobody",
    )
    openalex_api_key: SecretStr | None = Field(default=None, validation_alias=_alias("OPENALEX_API_KEY"))
    semantic_scholar_api_key: SecretStr | None = Field(
        default=None, validation_alias=_alias("SEMANTIC_SCHOLAR_API_KEY")
    )
    look_up_metadata: bool = Field(
        default=False, description="whether `matsmith ingest` asks public services about the papers"
    )
    contact_email: str | None = Field(
        default=None, description="told to Crossref and OpenAlex, which answer known callers sooner"
    )


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once. Raises `SettingsError` that names the variable at fault."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"The setting {name} cannot be used: {first['msg']}.", hint="Correct it or unset it."
        ) from error
