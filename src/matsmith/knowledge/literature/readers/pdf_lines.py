"""From the lines of PDF pages to paragraphs: running heads out, broken words and lines joined, headings found."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

_HYPHENS = "\x02\ufffe\u00ad"
_NAMED_HEADING = re.compile(
    r"(?:(?:\d{1,2}(?:\.\d{1,2}){0,2}\.?|[IVX]{1,5}\.|[A-H]\.)\s+)?"
    r"(?:abstract|introduction|background|theory|methods?|experimental(?: section| methods| details)?|materials and methods|"
    r"computational (?:methods|details)|results?(?: and discussions?)?|discussions?|conclusions?(?: and outlook)?|summary|"
    r"acknowledge?ments?|references|bibliography|supporting information|supplementary (?:information|material)|appendix(?: [A-Z])?)"
    r"[.:]?",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,2}\.?\s+[A-Z][A-Za-z][^.!?]{2,70}")
_ENDS_SENTENCE = re.compile(r"[.!?:][)\]”’\"']*$")
_LOWEST_REPEATS = 3


def split_lines(page_text: str) -> list[str]:
    """The lines of a page, with words that were broken at a line's end joined again."""
    text = page_text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(rf"(\w)[{_HYPHENS}][ \t]*\n?[ \t]*(?=[a-z])", r"\1", text)
    text = re.sub(rf"[{_HYPHENS}]", "-", text)
    text = re.sub(r"([a-z]{2,})-[ \t]*\n[ \t]*(?=[a-z]{2,})", r"\1", text)
    return [" ".join(line.split()) for line in text.split("\n")]


def without_running_heads(pages: Sequence[list[str]]) -> list[list[str]]:
    """The pages without the first and last lines that many of them share (journal, authors, page numbers).

    Only lines among the two outermost are looked at, digits aside, and only those on at least a third of the pages.
    """
    edges: Counter[str] = Counter()
    for lines in pages:
        edges.update({_masked(line) for line in _edge(lines)})
    least = max(_LOWEST_REPEATS, len(pages) / 3)
    repeated = {line for line, count in edges.items() if count >= least}
    cleaned: list[list[str]] = []
    for lines in pages:
        edge = {number for number, _ in _numbered_edge(lines)}
        cleaned.append(
            [
                line
                for number, line in enumerate(lines)
                if not (
                    number in edge and (_masked(line) in repeated or re.fullmatch(r"\W*\d{1,5}\W*", line))
                )
            ]
        )
    return cleaned


def blocks(lines: Sequence[str], *, alone: frozenset[str] = frozenset()) -> list[tuple[bool, str]]:
    """The paragraphs and headings of a page in order, as (is a heading, text): lines that go on are joined by a space.

    Lines in `alone` (those of the title) are joined with each other only.
    """
    lengths = [len(line) for line in lines if len(line) > 20]
    usual = median(lengths) if lengths else 0
    found: list[tuple[bool, str]] = []
    current: list[str] = []

    def flush() -> None:
        if current:
            found.append((False, " ".join(current)))
            current.clear()

    for line in lines:
        if current and (not line or (line in alone) != (current[-1] in alone)):
            flush()
        if not line:
            continue
        if _NAMED_HEADING.fullmatch(line) or (
            is_heading(line) and (not current or _ENDS_SENTENCE.search(current[-1]))
        ):
            flush()
            found.append((True, line))
        else:
            current.append(line)
            if _ENDS_SENTENCE.search(line) and len(line) < 0.8 * usual:
                flush()
    flush()
    return found


def is_heading(line: str) -> bool:
    """Whether a line by itself reads as a heading of a paper.

    >>> [is_heading(line) for line in ("1. Introduction", "2.3 Elastic constants", "RESULTS AND DISCUSSION", "5 GPa at 300 K.")]
    [True, True, True, False]
    """
    if len(line) > 80:
        return False
    return _NAMED_HEADING.fullmatch(line) is not None or (
        _NUMBERED.fullmatch(line) is not None and not re.search(r"[=<>±|]", line)
    )


def _masked(line: str) -> str:
    return re.sub(r"\d+", "#", line)


def _numbered_edge(lines: Sequence[str]) -> list[tuple[int, str]]:
    """The two first and two last lines that hold anything, fewer on a page of fewer lines."""
    filled = [(number, line) for number, line in enumerate(lines) if line]
    depth = min(2, (len(filled) + 1) // 2)
    return filled[:depth] + filled[max(depth, len(filled) - depth) :]


def _edge(lines: Sequence[str]) -> list[str]:
    return [line for _, line in _numbered_edge(lines)]
