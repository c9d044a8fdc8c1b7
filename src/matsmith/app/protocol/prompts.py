"""Prompts that a client can offer to its user: how to use the tools well for a common task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import mcp_types as types

from matsmith.core.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A prompt with the arguments it takes (name -> what it is)."""

    title: str
    description: str
    arguments: Mapping[str, str]
    text: str


_CARE = (
    "Every number in your answer comes from a tool's result: give its unit, its one-sigma uncertainty and the id of its record. "
    "A failed tool leaves a gap; never put another value in its place."
)
OFFERS: dict[str, Offer] = {
    "design_material": Offer(
        title="Design a material",
        description="Turn an objective into verified crystals",
        arguments={"objective": "what the material should be, in plain words"},
        text=(
            "Design a material: {objective}\n\nFirst call plan_objective and show what was understood. When the person agrees, call "
            "design_material, and read the run's resource when it ends. Report which candidates meet every target and which are the "
            "nearest misses, with margins. " + _CARE
        ),
    ),
    "characterise_crystal": Offer(
        title="Characterise a crystal",
        description="Relax a structure, judge its stability and measure what can be measured",
        arguments={"structure": "path or text of a CIF or POSCAR file"},
        text=(
            "Characterise this crystal: {structure}\n\nCall symmetry on it, then relax, then stability and equation_of_state on the "
            "relaxation's record, and known_property for what has been measured. Say where methods disagree. "
            + _CARE
        ),
    ),
    "answer_from_literature": Offer(
        title="Answer from the literature",
        description="A quoted answer from the library and the built-in notes",
        arguments={"question": "the question"},
        text=(
            "Answer from the literature: {question}\n\nCall ask_literature. Repeat only statements whose quotes it returns, with their "
            "sources; where it cannot answer, say so and what was searched."
        ),
    ),
}


def listed() -> list[types.Prompt]:
    """All prompts."""
    return [
        types.Prompt(
            name=name,
            title=offer.title,
            description=offer.description,
            arguments=[
                types.PromptArgument(name=key, description=what, required=True)
                for key, what in offer.arguments.items()
            ],
        )
        for name, offer in OFFERS.items()
    ]


def filled(name: str, arguments: Mapping[str, str]) -> types.GetPromptResult:
    """One prompt with its arguments put in. Raises `UsageError` for a name or an argument that is not there."""
    offer = OFFERS.get(name)
    if offer is None:
        raise UsageError(f"There is no prompt {name!r}.", hint=f"There are: {', '.join(OFFERS)}.")
    missing = [key for key in offer.arguments if not arguments.get(key)]
    unknown = [key for key in arguments if key not in offer.arguments]
    if missing or unknown:
        problem = f"needs {missing[0]}" if missing else f"has no argument {unknown[0]}"
        raise UsageError(f"The prompt {name} {problem}.", hint="Give each of its arguments once.")
    text = offer.text
    for key in offer.arguments:
        text = text.replace(f"{{{key}}}", arguments[key])
    return types.GetPromptResult(
        description=offer.description,
        messages=[types.PromptMessage(role="user", content=types.TextContent(text=text))],
    )
