"""Words that were not understood where a requirement stands: an element, a property, an exclusion, or a number that goes with them.

"A stable compound of oxygen and unobtainium" asks for something; to seek any stable compound of oxygen instead would be another objective. Words
that only describe ("a layered sulfide", "for solar cells") go on changing nothing. What counts is the place, by these rules:

- a number stands among the words, or behind them with a comparison ("a flurbosity above 3");
- they follow "of", "containing", "without", "no", "with" or "made from", and no word that was understood follows in the same phrase ("with a
  direct band gap" asks for a band gap);
- they stand in a list of elements ("Li, unobtainium and O"), or end on "-free".
"""

from __future__ import annotations

from collections.abc import Sequence

from matsmith.agents.objective.element_words import ELEMENT_NAMES
from matsmith.agents.objective.tokens import Kind, Token, tokenize, uniform
from matsmith.agents.objective.vocabulary import FILLERS, INTENSIFIERS, NEGATIONS, SIGNS
from matsmith.agents.objective.word_sets import words
from matsmith.core.elements import SYMBOLS

_LEADS = words("of containing contains contain comprising without with no excluding having has have")
_MADE = words("made built formed composed consisting")
_ARTICLES = words("a an the any some its their at least of and")
_LINKS = words("and or")
# Nouns after "of" and "with" that ask for nothing which could be checked.
_HARMLESS = words(
    """
    interest use choice quality importance relevance note origin course potential promise application applications
    future technology technologies device devices industry ease help respect regard view word words
    defect error trouble maintenance stress dust solvent noise
    """
)
_DIMENSIONS = words("d")


def unclear_words(objective: str, not_understood: Sequence[str]) -> list[str]:
    """Those of the words that were not understood which stand in the place of a requirement, as they were written.

    >>> unclear_words("a stable compound of oxygen and unobtainium", ["unobtainium"])
    ['unobtainium']
    >>> unclear_words("a layered sulfide for solar cells", ["layered", "solar cells"])
    []
    """
    text = uniform(" ".join(objective.split()))
    tokens = tokenize(text)
    left = [False] * len(tokens)
    spans: list[tuple[int, int]] = []
    for phrase in not_understood:
        span = _find(uniform(" ".join(phrase.split())), text=text, tokens=tokens, taken=left)
        if span is not None:
            spans.append(span)
            left[span[0] : span[1]] = [True] * (span[1] - span[0])
    place = _Place(tokens, left)
    found = [text_of(objective, tokens, span) for span in sorted(spans) if place.asks(*span)]
    return list(dict.fromkeys(found))


def text_of(objective: str, tokens: Sequence[Token], span: tuple[int, int]) -> str:
    """The words of a span as they were written."""
    return " ".join(objective.split())[tokens[span[0]].start : tokens[span[1] - 1].end]


def _find(
    phrase: str, *, text: str, tokens: Sequence[Token], taken: Sequence[bool]
) -> tuple[int, int] | None:
    """Half-open range of the tokens of a phrase, its first place that is not taken; None when it is not there as whole words."""
    begin = text.casefold().find(phrase.casefold()) if phrase else -1
    while begin >= 0:
        inside = [
            at for at, token in enumerate(tokens) if token.start >= begin and token.end <= begin + len(phrase)
        ]
        if inside and not any(taken[at] for at in inside) and tokens[inside[0]].start == begin:
            return inside[0], inside[-1] + 1
        begin = text.casefold().find(phrase.casefold(), begin + 1)
    return None


class _Place:
    """Tokens of an objective, of which those in `left` were not understood."""

    def __init__(self, tokens: Sequence[Token], left: Sequence[bool]) -> None:
        self._tokens, self._left = tokens, left

    def asks(self, start: int, end: int) -> bool:
        """Whether the words of a span stand in the place of a requirement."""
        named = [
            at for at in range(start, end) if self._low(at) not in FILLERS and self._low(at) not in SIGNS
        ]
        if not named:
            return False
        if any(self._is_value(at) for at in range(start, end)) or self._is_value(end):
            return True
        nouns = [at for at in named if self._low(at) not in NEGATIONS and self._low(at) not in INTENSIFIERS]
        if not nouns or any(self._low(at) in _HARMLESS for at in nouns):
            return False
        if self._low(start) in NEGATIONS:
            # "not too heavy" is a wish in passing; "no silicon dioxide" is an exclusion.
            return self._low(start + 1) not in INTENSIFIERS | {"too"}
        if self._low(end - 1) == "free" or (self._low(end) == "-" and self._low(end + 1) == "free"):
            return True
        return not self._goes_on(end) and (self._follows_a_lead(start) or self._is_listed(start, end))

    def _follows_a_lead(self, start: int) -> bool:
        at = start - 1
        while at >= 0 and self._low(at) in _ARTICLES and self._low(at) not in _LEADS:
            if self._low(at) in _LINKS:
                return False
            at -= 1
        if self._low(at) == "from":
            return self._low(at - 1) in _MADE
        return self._low(at) in _LEADS

    def _is_listed(self, start: int, end: int) -> bool:
        """Whether an element stands beside the span: joined by "and" or "or", or by commas on both sides."""
        before = after = False
        if self._low(start - 1) in _LINKS:
            before = self._is_element(start - 2) or (
                self._low(start - 2) == "," and self._is_element(start - 3)
            )
        if self._low(end) in _LINKS:
            after = self._is_element(end + 1)
        between = self._low(start - 1) == "," and self._is_element(start - 2)
        between = between and self._low(end) in (",", *_LINKS) and self._is_element(end + 1)
        return before or after or between

    def _is_element(self, at: int) -> bool:
        if not 0 <= at < len(self._tokens) or self._left[at]:
            return False
        return self._low(at) in ELEMENT_NAMES or self._tokens[at].text in SYMBOLS

    def _goes_on(self, end: int) -> bool:
        """Whether a word that was understood ends the phrase that the span begins: then the span only describes it."""
        at = end
        while self._low(at) == "-":
            at += 1
        if not 0 <= at < len(self._tokens) or self._left[at]:
            return False
        token = self._tokens[at]
        return token.kind is not Kind.SIGN and token.low not in FILLERS and token.low not in NEGATIONS

    def _is_value(self, at: int) -> bool:
        """Whether a number stands at a place, in digits, and is no part of a word such as "2D"."""
        if not 0 <= at < len(self._tokens) or not self._tokens[at].is_number or not self._left[at]:
            return False
        glued = at + 1 < len(self._tokens) and self._tokens[at + 1].start == self._tokens[at].end
        return not (glued and self._low(at + 1) in _DIMENSIONS)

    def _low(self, at: int) -> str:
        return self._tokens[at].low if 0 <= at < len(self._tokens) else ""
