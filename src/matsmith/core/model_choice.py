"""What a user may say of a language model: its server, how hard it thinks, and what it costs."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)

EFFORT = r"^(none|minimal|low|medium|high|xhigh)$"


class RoleModel(BaseModel):
    """The model of one role. What is left out is taken from the general settings.

    A server of its own gets a key of its own: the general key is never sent to another server.
    """

    model_config = _STRICT

    model: str | None = Field(default=None, min_length=1)
    base_url: str | None = None
    api_key: SecretStr | None = None
    reasoning_effort: str | None = Field(default=None, pattern=EFFORT)


class ModelPrice(BaseModel):
    """US dollars for a million tokens; `cached` is the price of tokens that the server had read before."""

    model_config = _STRICT

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)

    def cost_usd(self, *, input_tokens: int, output_tokens: int, cached_tokens: int = 0) -> float:
        """Cost of a request. `input_tokens` counts the cached ones too.

        >>> ModelPrice(input=2.0, output=8.0, cached=0.5).cost_usd(input_tokens=1_000_000, output_tokens=0, cached_tokens=500_000)
        1.25
        """
        cached = min(cached_tokens, input_tokens)
        dear = self.input * (input_tokens - cached) + self.output * output_tokens
        return (dear + (self.input if self.cached is None else self.cached) * cached) / 1e6
