"""Where sentences begin and end, in prose full of `et al.`, `Fig. 3`, decimals and formulas."""

from __future__ import annotations

import re

_END = re.compile(r"[.!?][)\]”’\"']*(?=\s|$)|\n[ \t]*\n")
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|viz|ca|al|approx|Figs?|Tabs?|Eqs?|Refs?|Secs?|Nos?|Vols?|pp?|eds?|Dr|Profs?|Mr|Mrs|Ms|St|"
    r"Phys|Rev|Chem|Mater|Sci|Lett|Soc|Am|Acta|Appl|Proc|Int|Inc|Ltd|resp|max|min|temp|wt|at|mol|vol)|\b[A-Z])\.$"
)
# After these a new sentence does begin, although the stop is an abbreviation's.
_MAY_END_A_SENTENCE = ("al.", "wt.", "at.", "mol.", "vol.", "max.", "min.")
_STARTS_LOWER = re.compile(r"\s*[a-z0-9(\[,;]")


def sentence_spans(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Character offsets of the sentences of `text[start:end]`, without the space around them, in order.

    A blank line ends a sentence too. Nothing but space lies between the spans.

    >>> text = "Sun et al. found 3.5 eV (Fig. 2). It is stable."
    >>> [text[a:b] for a, b in sentence_spans(text)]
    ['Sun et al. found 3.5 eV (Fig. 2).', 'It is stable.']
    """
    stop = len(text) if end is None else end
    spans: list[tuple[int, int]] = []
    begin = start
    for match in _END.finditer(text, start, stop):
        mark = match.end()
        if mark < stop and match.group()[0] == "." and _goes_on(text, begin, match, stop):
            continue
        _add(spans, text, begin, mark)
        begin = mark
    _add(spans, text, begin, stop)
    return spans


def _goes_on(text: str, begin: int, match: re.Match[str], stop: int) -> bool:
    """Whether the stop belongs to an abbreviation or an initial, so that the sentence goes on."""
    after = text[match.end() : min(stop, match.end() + 3)]
    lower = _STARTS_LOWER.match(after) is not None
    if lower and not after.lstrip()[:1].isdigit() and after.lstrip()[:1] not in "([":
        return True
    before = text[max(begin, match.start() - 12) : match.start() + 1]
    found = _ABBREVIATION.search(before)
    if found is None:
        return False
    if found.group().endswith(_MAY_END_A_SENTENCE):
        return lower
    # A single capital is an initial or a unit: `25 K. The` ends, `J. Goodenough` does not.
    return not re.search(r"\d\s?[A-Z]\.$", before)


def _add(spans: list[tuple[int, int]], text: str, begin: int, end: int) -> None:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    if end > begin:
        spans.append((begin, end))
