"""Clauses of a sentence: what stands between its turns (whereas, but, a semicolon)."""

from __future__ import annotations

import re

_CLAUSE = re.compile(
    r";\s|:\s(?=[a-z])|,?\s(?:whereas|while|but|although|though|however)\s|,\s(?:which|and (?:its|the|it)|so that)\s|(?<=\d)\.\s(?=[A-Z])"
)


def clause_bounds(sentence: str, position: int) -> tuple[int, int]:
    """Start and end of the clause that a character of the sentence stands in."""
    start, end = 0, len(sentence)
    for match in _CLAUSE.finditer(sentence):
        if match.start() <= position:
            start = match.end() if match.end() <= position else match.start()
        else:
            end = match.start()
            break
    return start, end
