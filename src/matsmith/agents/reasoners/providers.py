"""Which model answers which role: the reasoner and the endpoints that the settings describe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from matsmith.agents.decisions import AnswerT, Question
from matsmith.agents.reasoners.budget import ModelBudget
from matsmith.agents.reasoners.endpoint import Endpoint, EndpointOptions
from matsmith.agents.reasoners.interface import Usage
from matsmith.agents.reasoners.kept import KeptAnswers, KnownServers
from matsmith.agents.reasoners.openai_server import OpenAIReasoner
from matsmith.agents.reasoners.watching import Watch, make_watch
from matsmith.core.errors import SettingsError
from matsmith.core.model_choice import RoleModel
from matsmith.core.settings import MODEL_ROLES, Settings
from matsmith.core.spec import Budget

_READERS = ("extraction", "database")  # who else reads for the literature agent


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """The model of a role. `api_key` belongs to `base_url`."""

    model: str | None
    base_url: str | None
    api_key: SecretStr | None
    effort: str | None


def choice_for(settings: Settings, *, role: str) -> ModelChoice:
    """Return the model of a role, from the most specific setting: `models`, then `model_ROLE`, then `model`.

    Raises `SettingsError` when they name no server or no model.
    """
    family = _family(role)
    own = settings.models.get(family, RoleModel())
    named: str | None = getattr(settings, f"model_{family}", None)
    model = own.model or named or settings.model or None
    base_url = own.base_url or settings.openai_base_url or None
    elsewhere = bool(own.base_url) and own.base_url != settings.openai_base_url
    key = own.api_key if own.api_key or elsewhere else settings.openai_api_key
    if key is None and not base_url:
        raise SettingsError(
            "The reasoner openai needs a key or a server.",
            hint="Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own, or use --reasoner rules.",
        )
    if not model and not base_url:
        raise SettingsError("The reasoner openai needs the name of a model.", hint="Set MATSMITH_MODEL.")
    return ModelChoice(
        model=model,
        base_url=base_url,
        api_key=key,
        effort=own.reasoning_effort or settings.reasoning_effort,
    )


def endpoint_for(
    settings: Settings,
    *,
    role: str,
    budget: ModelBudget | None = None,
    seed: int | None = None,
    watch: Watch | None = None,
) -> Endpoint:
    """The endpoint of a role. With answers to be used again a seed is always sent, because requests must repeat."""
    choice = choice_for(settings, role=role)
    return Endpoint(
        base_url=choice.base_url,
        api_key=choice.api_key,
        model=choice.model,
        options=EndpointOptions(
            timeout_s=settings.model_timeout_s,
            seed=0 if seed is None and settings.reuse_answers else seed,
            effort=choice.effort,
            prices=settings.model_prices,
        ),
        budget=budget,
        secrets=settings.secrets(),
        known=KnownServers(settings.cache_dir),
        kept=KeptAnswers(settings.cache_dir) if settings.reuse_answers else None,
        watch=watch,
    )


class RoleReasoner:
    """Asks the model of the role that a question belongs to; all of them pay from one budget."""

    def __init__(
        self,
        settings: Settings,
        *,
        budget: ModelBudget | None = None,
        seed: int | None = None,
        watch: Watch | None = None,
    ) -> None:
        """Set up without any request. Raises `SettingsError` when a role lacks its server or model."""
        self._settings = settings
        self._budget = budget or ModelBudget()
        self._seed = seed
        self._watch = watch
        self._reasoners: dict[ModelChoice, OpenAIReasoner] = {}
        for role in MODEL_ROLES:
            self._reasoner(role)

    def __repr__(self) -> str:
        return f"RoleReasoner({self.name!r})"

    @property
    def name(self) -> str:
        """`openai:` and the model's name, or the names of all when roles have different ones."""
        deciding = [self._reasoner(role) for role in MODEL_ROLES if role != "chat"]
        names = dict.fromkeys(reasoner.name.removeprefix("openai:") for reasoner in deciding)
        return f"openai:{'+'.join(names)}"

    @property
    def usage(self) -> Usage:
        """Calls, tokens, cost and seconds spent by all models."""
        return sum((reasoner.usage for reasoner in self._reasoners.values()), start=Usage())

    def decide(self, question: Question[AnswerT], *, deadline: float | None = None) -> AnswerT:
        """Answer a question by the model of its role. Raises as `OpenAIReasoner.decide` does."""
        return self._reasoner(question.role).decide(question, deadline=deadline)

    def _reasoner(self, role: str) -> OpenAIReasoner:
        choice = choice_for(self._settings, role=role)
        if choice not in self._reasoners:
            endpoint = endpoint_for(
                self._settings, role=role, budget=self._budget, seed=self._seed, watch=self._watch
            )
            self._reasoners[choice] = OpenAIReasoner.at(endpoint)
        return self._reasoners[choice]


def from_settings(
    settings: Settings,
    *,
    budget: ModelBudget | None = None,
    seed: int | None = None,
    watch: Watch | None = None,
) -> RoleReasoner:
    """The reasoner that the settings describe. Raises `SettingsError` when they name no server or no model."""
    return RoleReasoner(settings, budget=budget, seed=seed, watch=watch)


def reasoner_for_run(
    settings: Settings,
    *,
    limits: Budget | None = None,
    spent: Usage | None = None,
    seed: int | None = None,
    folder: Path | None = None,
) -> RoleReasoner:
    """The reasoner of a run: limits from its budget, `spent` by earlier sessions, transcript and spans into its folder."""
    limits = limits or Budget()
    budget = ModelBudget(
        calls=limits.model_calls, tokens=limits.model_tokens, cost_usd=limits.model_cost_usd, spent=spent
    )
    return RoleReasoner(settings, budget=budget, seed=seed, watch=make_watch(settings, folder=folder))


def _family(role: str) -> str:
    """The agent that a role belongs to: those who read papers are one."""
    first = role.partition("_")[0]
    return "literature" if first in _READERS else first
