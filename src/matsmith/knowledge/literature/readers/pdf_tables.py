"""Tables on PDF pages, found by their caption (`Table 3 ...`) and the wide gaps between their columns."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_CAPTION = re.compile(r"^[ \t]*(?:Table|TABLE)\s+(?:[A-Z]?\d{1,3}|[IVXL]{1,6})\b", re.MULTILINE)
# A gap this many times the letter height parts two cells; spaces between words are a third of it.
_GAP = 0.9
_MOST_CAPTION_LINES = 6


@dataclass(frozen=True, kw_only=True)
class FoundTable:
    """A table on a page: caption and cells, and how many of the page's lines it takes from the caption's first on."""

    caption: str
    rows: tuple[tuple[str, ...], ...]
    first_line: str
    lines: int

    def locate(self, lines: list[str], start: int) -> tuple[int, int] | None:
        """Where the table stands among a page's lines, as (first, after the last); None when it is not there."""
        for number in range(start, len(lines)):
            if lines[number] == self.first_line:
                end, left = number, self.lines
                while end < len(lines) and left:
                    left -= bool(lines[end])
                    end += 1
                return number, end
        return None


@dataclass(frozen=True)
class _Line:
    cells: tuple[str, ...]
    text: str


def find_tables(text_page: Any, text: str) -> list[FoundTable]:
    """The captioned tables of a page in order; at least two rows of at least two cells each."""
    if not _CAPTION.search(text.replace("\r\n", "\n")):
        return []
    lines = _lines(text_page)
    tables: list[FoundTable] = []
    number = 0
    while number < len(lines):
        table = _table_at(lines, number) if _CAPTION.match(lines[number].text) else None
        if table:
            tables.append(table)
            number += table.lines
        else:
            number += 1
    return tables


def _table_at(lines: list[_Line], start: int) -> FoundTable | None:
    first = start + 1
    while first < len(lines) and first - start <= _MOST_CAPTION_LINES and len(lines[first].cells) < 2:
        first += 1
    end = first
    while end < len(lines) and len(lines[end].cells) >= 2 and not _CAPTION.match(lines[end].text):
        end += 1
    if end - first < 2:
        return None
    return FoundTable(
        caption=" ".join(line.text for line in lines[start:first]),
        rows=tuple(line.cells for line in lines[first:end]),
        first_line=lines[start].text,
        lines=end - start,
    )


def _lines(text_page: Any) -> list[_Line]:
    """The lines that hold anything, each with its cells."""
    import pypdfium2.raw

    raw: Any = pypdfium2.raw
    code_point: Callable[[Any, int], int] = raw.FPDFText_GetUnicode
    get_box: Callable[..., bool] = raw.FPDFText_GetCharBox
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    lines: list[_Line] = []
    cells: list[list[str]] = [[]]
    end: float | None = None
    height = 0.0

    def flush() -> None:
        nonlocal end, height
        texts = tuple(cell for letters in cells if (cell := " ".join("".join(letters).split())))
        if texts:
            lines.append(_Line(texts, " ".join(texts)))
        cells[:] = [[]]
        end, height = None, 0.0

    for index in range(text_page.count_chars()):
        letter = chr(code_point(text_page, index))
        if letter in "\r\n":
            flush()
            continue
        if letter.isspace():
            cells[-1].append(" ")
            continue
        if get_box(text_page, index, left, right, bottom, top):
            height = max(height, top.value - bottom.value)
            if end is not None and left.value - end > max(_GAP * height, 4.0):
                cells.append([])
            end = right.value
        cells[-1].append(letter)
    flush()
    return lines
