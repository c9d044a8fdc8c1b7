"""Markdown: headings become sections, pipe tables become tables; the words stay as they are written."""

from __future__ import annotations

import re

from matsmith.knowledge.literature.documents import SourceDocument, clean_doi
from matsmith.knowledge.literature.readers.building import DocumentBuilder
from matsmith.knowledge.literature.readers.plain_text import decode

_HEADER = re.compile(r"\A---\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_FIELD = re.compile(r"^(\w+):[ \t]*(.+?)[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t#]*$")
_RULE = re.compile(r"[ \t]*\|?[ \t]*:?-+:?[ \t]*(?:\|[ \t]*:?-+:?[ \t]*)*\|?[ \t]*")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CAPTION = re.compile(r"(?:\*\*|_)?Table\b", re.IGNORECASE)


def read_markdown(data: bytes, *, path: str) -> SourceDocument:
    """A Markdown file as a document; comments, which nobody sees when it is shown, are left out."""
    text = _COMMENT.sub("", decode(data, path=path))
    header = _HEADER.match(text)
    fields: dict[str, str] = (
        {name.lower(): value.strip("\"'") for name, value in _FIELD.findall(header.group(1))}
        if header
        else {}
    )
    body = text[header.end() :] if header else text
    builder = DocumentBuilder()
    title = fields.get("title", "")
    paragraph: list[str] = []
    lines = body.split("\n")
    number = 0
    while number < len(lines):
        line = lines[number]
        heading = _HEADING.fullmatch(line.strip()) if line.startswith("#") else None
        if heading:
            _flush(builder, paragraph)
            title = title or heading.group(2)
            builder.heading(heading.group(2))
        elif (
            "|" in line
            and number + 1 < len(lines)
            and "|" in lines[number + 1]
            and _RULE.fullmatch(lines[number + 1])
        ):
            number = _read_table(builder, paragraph, lines, number)
            continue
        elif line.strip():
            paragraph.append(line)
        else:
            _flush(builder, paragraph)
        number += 1
    _flush(builder, paragraph)
    return builder.build(
        kind="markdown",
        path=path,
        title=title,
        authors=[
            name
            for name in re.split(r"\s*(?:;|\band\b)\s*", fields.get("authors", fields.get("author", "")))
            if name
        ],
        year=_year(fields.get("year", fields.get("date", ""))),
        doi=clean_doi(fields.get("doi", "") or body[:3000]),
    )


def _read_table(builder: DocumentBuilder, paragraph: list[str], lines: list[str], number: int) -> int:
    """Add the table whose head stands at a line; return the line after it."""
    caption = ""
    if paragraph and _CAPTION.match(paragraph[-1].strip()):
        caption = paragraph.pop()
    _flush(builder, paragraph)
    rows = [_cells(lines[number])]
    number += 2
    while number < len(lines) and "|" in lines[number]:
        rows.append(_cells(lines[number]))
        number += 1
    builder.table(caption, rows)
    return number


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().removeprefix("|").removesuffix("|").split("|")]


def _flush(builder: DocumentBuilder, paragraph: list[str]) -> None:
    builder.paragraph("\n".join(paragraph))
    paragraph.clear()


def _year(text: str) -> int | None:
    found = re.search(r"\b(?:19|20)\d\d\b", text)
    return int(found.group()) if found else None
