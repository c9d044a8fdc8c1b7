"""Who answered which question by which prompt: written to the ledger beside each answer."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from matsmith.agents.decisions import Question
from matsmith.agents.reasoners.interface import Reasoner
from matsmith.prompts import load_prompt

KIND = "asked"


class Asked(BaseModel):
    """One answered question. A prompt is named by its file's version and hash; the built-in rules have none."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str
    question: str = Field(description="hash of the question without what depends on the clock")
    reasoner: str
    prompt_version: str = ""
    prompt_sha256: str = ""

    @classmethod
    def of(cls, question: Question, *, reasoner: Reasoner) -> Asked:
        """Note a question that this reasoner has answered."""
        version = sha256 = ""
        if is_model(reasoner):
            prompt = load_prompt(question.role)
            version, sha256 = prompt.version, prompt.sha256
        return cls(
            role=question.role,
            question=question.digest(),
            reasoner=reasoner.name,
            prompt_version=version,
            prompt_sha256=sha256,
        )


def is_model(reasoner: Reasoner) -> bool:
    """Whether a language model answers: it reads prompts, costs tokens and deserves doubt."""
    return reasoner.name.startswith("openai")
