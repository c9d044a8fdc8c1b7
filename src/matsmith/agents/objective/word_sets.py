"""Lists of words written as one text, so that long vocabularies stay readable."""

from __future__ import annotations


def ordered(text: str) -> tuple[str, ...]:
    """Return the words of a text in their order."""
    return tuple(text.split())


def words(text: str) -> frozenset[str]:
    """Return the set of the words of a text.

    >>> sorted(words("above below above"))
    ['above', 'below']
    """
    return frozenset(text.split())
