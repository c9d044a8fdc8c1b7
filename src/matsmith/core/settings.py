"""Settings from the environment (`MATSMITH_*`), a `.env` file or arguments; secrets never show in a print."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, cast

from platformdirs import user_cache_path, user_data_path
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as UnreadableSetting

from matsmith.core.errors import SettingsError
from matsmith.core.model_choice import EFFORT, ModelPrice, RoleModel

MODEL_ROLES = ("planner", "literature", "generator", "simulator", "critic", "chat")
"""Roles that may have a model of their own."""


def _alias(name: str) -> AliasChoices:
    """Take a setting by its field name, by `MATSMITH_` and by the name that other programs use."""
    return AliasChoices(name.lower(), f"MATSMITH_{name}", name)


class Settings(BaseSettings):
    """Everything that a user can set; `matsmith doctor` prints it."""

    model_config = SettingsConfigDict(
        env_prefix="MATSMITH_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

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
    diffusion_weights: Path | None = Field(
        default=None,
        description="weights of a crystal diffusion model of one's own, in place of those that ship",
    )
    stability_order: bool = Field(
        default=True,
        description="whether formulas that a composition model holds for stable are relaxed first, where a stable material is wanted",
    )
    threads: int = Field(default=0, ge=0, description="threads of the physics process; 0 means all cores")
    reasoner: str = Field(default="rules", pattern=r"^(rules|openai)$")
    model: str | None = Field(default=None, description="name of the language model on the server")
    second_look: bool = Field(
        default=True, description="whether planner and critic doubt a language model's first answer once"
    )
    model_timeout_s: float = Field(default=120.0, gt=0)
    model_planner: str | None = Field(default=None, description="model of the planner, when not `model`")
    model_literature: str | None = Field(default=None, description="model of all who read papers")
    model_generator: str | None = None
    model_simulator: str | None = None
    model_critic: str | None = None
    model_chat: str | None = None
    models: dict[str, RoleModel] = Field(
        default_factory=dict[str, RoleModel],
        description='per role a model, server, key and effort: {"planner": {"model": "..."}, "chat": "..."}',
    )
    reasoning_effort: str | None = Field(
        default=None, pattern=EFFORT, description="none, minimal, low, medium, high or xhigh"
    )
    model_prices: dict[str, ModelPrice] = Field(
        default_factory=dict[str, ModelPrice],
        description='US dollars a million tokens: {"MODEL": {"input": 1, "output": 4, "cached": 0.1}}; * is any',
    )
    reuse_answers: bool = Field(
        default=False, description="whether the same request to the same model is answered from the cache"
    )
    transcripts: bool = Field(default=True, description="whether a run keeps what its models were asked")
    tracing: str = Field(
        default="off", pattern=r"^(off|file|otlp)$", description="OpenTelemetry spans of model calls"
    )
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

    @field_validator("models", mode="before")
    @classmethod
    def _names_are_models(cls, models: object) -> object:
        """Take a name in place of `{"model": name}`."""
        if not isinstance(models, dict):
            return models
        choices = cast("dict[str, object]", models)
        return {
            role: {"model": choice} if isinstance(choice, str) else choice for role, choice in choices.items()
        }

    @field_validator("models")
    @classmethod
    def _known_roles(cls, models: dict[str, RoleModel]) -> dict[str, RoleModel]:
        unknown = sorted(set(models) - set(MODEL_ROLES))
        if unknown:
            raise ValueError(f"there is no role {unknown[0]!r}; roles are {', '.join(MODEL_ROLES)}")
        return models

    def secrets(self) -> list[str]:
        """Every key that is set, so that it can be kept out of what is written."""
        keys = [
            self.openai_api_key,
            self.mp_api_key,
            self.openalex_api_key,
            self.semantic_scholar_api_key,
            *(choice.api_key for choice in self.models.values()),
        ]
        return [key.get_secret_value() for key in keys if key is not None and key.get_secret_value()]


@lru_cache(maxsize=1)
def load_settings() -> Settings:
    """Read the settings once. Raises `SettingsError` that names the variable at fault."""
    try:
        return Settings()
    except UnreadableSetting as error:
        raise SettingsError(
            f"A setting cannot be read: {error}.", hint='It takes JSON, such as {"planner": "my-model"}.'
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise SettingsError(
            f"The setting {name} cannot be used: {first['msg']}.", hint="Correct it or unset it."
        ) from error
