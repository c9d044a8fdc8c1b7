"""No candidate gets the value of another one: a critique's references are held against the candidates that its words name.

A text may only use references that it was shown; that alone does not stop a writer who puts the value of one material in the place of another
whose computation failed. So in every clause that names candidates by formula, a reference must belong to one of those named; in a clause that
names none, to one of those that its sentence names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from matsmith.agents.decisions import Critique, CritiqueQuestion
from matsmith.core.errors import SpecError
from matsmith.core.references import bare_numbers, references
from matsmith.knowledge.formulas import reduced_key

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z{])")
_CLAUSE_END = re.compile(r"[,;:]\s+|\s+(?:while|whereas|but|although|though)\s+")
_LONGEST_REASON = 400


def reviewed(critique: Critique, *, question: CritiqueQuestion) -> tuple[list[str], Critique]:
    """The complaints about a critique, and the critique without the texts that they are about."""
    owners = _owners(question)
    complaints: list[str] = []
    text = critique.text
    problem = borrowed(text, owners=owners)
    if problem:
        complaints.append(f"text: {problem}")
        text = ""
    kept: list[str] = []
    for reason in critique.reasons:
        problem = _reason_problem(reason, owners=owners)
        if problem:
            complaints.append(f"reasons: {problem}")
        else:
            kept.append(reason)
    directive = critique.directive
    problem = borrowed(directive.reason, owners=owners)
    if problem:
        complaints.append(f"directive.reason: {problem}")
        directive = directive.model_copy(update={"reason": ""})
    update = {"text": text, "reasons": kept, "directive": directive}
    return complaints, critique.model_copy(update=update)


def borrowed(text: str, *, owners: dict[str, set[str]]) -> str:
    """Say which reference stands beside the name of a candidate that it does not belong to; empty when none does.

    `owners` holds, by formula, the references that are its own; a formula without any has no value to be named.
    """
    for sentence in _SENTENCE_END.split(text):
        named_in_sentence = _named(sentence, owners)
        for clause in _CLAUSE_END.split(sentence):
            named = _named(clause, owners) or named_in_sentence
            allowed = {reference for formula in named for reference in owners[formula]}
            for reference in references(clause):
                owner = next((formula for formula, own in owners.items() if str(reference) in own), None)
                if named and owner is not None and str(reference) not in allowed:
                    return (
                        f"{reference} is a value of {owner}, and the words beside it name {' and '.join(sorted(named))}: "
                        "a candidate without a value has a gap."
                    )
    return ""


def _reason_problem(reason: str, *, owners: dict[str, set[str]]) -> str:
    own = {reference for references_of in owners.values() for reference in references_of}
    bare = bare_numbers(reason)
    unknown = [str(found) for found in references(reason) if str(found) not in own]
    if len(reason) > _LONGEST_REASON:
        return f"a reason is longer than {_LONGEST_REASON} characters."
    if bare:
        return f"the bare number {bare[0]!r}: name a number by its reference, or leave it out."
    if unknown:
        return f"{unknown[0]} is not in the question."
    return borrowed(reason, owners=owners)


def _owners(question: CritiqueQuestion) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for candidate in (
        *question.earlier.best,
        *(candidate for summary in question.rounds for candidate in summary.best),
    ):
        own = found.setdefault(candidate.formula, set())
        own.update(str(reference) for value in candidate.values.values() for reference in references(value))
    return found


def _named(text: str, owners: dict[str, set[str]]) -> set[str]:
    """Formulas among the owners that a text names, in whatever order it writes their elements."""
    by_key = {_key(formula): formula for formula in owners}
    return {by_key[key] for word in _words(text) if (key := _key(word)) in by_key}


@lru_cache(maxsize=4096)
def _key(formula: str) -> str:
    try:
        return reduced_key(formula)
    except SpecError:
        return formula


def _words(text: str) -> Iterator[str]:
    for match in re.finditer(r"(?<![A-Za-z0-9.{:])[A-Z][A-Za-z0-9().]*", text):
        yield match[0].rstrip(".")
        yield match[0].rstrip(".)")
