"""The property registry as a list for the planner's prompt."""

from __future__ import annotations

from matsmith.core.properties import PROPERTIES

_SYNONYMS = 4


def property_list() -> str:
    """One line a property: name, unit, a few synonyms, whether a tool measures it, and its note.

    >>> [line for line in property_list().splitlines() if line.startswith("- bulk_modulus ")][0].split(":")[0]
    '- bulk_modulus [GPa]'
    """
    lines: list[str] = []
    for entry in PROPERTIES.values():
        synonyms = [word for word in entry.synonyms if word != entry.title.lower()][:_SYNONYMS]
        parts = [f"- {entry.name} [{entry.unit or 'no unit'}]: {entry.title}"]
        if synonyms:
            parts.append(f" (also: {', '.join(synonyms)})")
        if not entry.tools:
            parts.append("; no tool measures it yet, state the target all the same")
        if entry.note:
            parts.append(f"; {entry.note}")
        lines.append("".join(parts))
    return "\n".join(lines)
