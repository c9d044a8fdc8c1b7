"""Plain text: paragraphs between blank lines; the first short line is the title."""

from __future__ import annotations

import codecs
import re

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import SourceDocument, clean_doi
from matsmith.knowledge.literature.readers.building import DocumentBuilder

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LONGEST_TITLE = 200
_MOST_CONTROL_SHARE = 0.02


def read_plain_text(data: bytes, *, path: str) -> SourceDocument:
    """A text file as a document; DataError when it is no text."""
    text = decode(data, path=path)
    builder = DocumentBuilder()
    blocks = [block for block in re.split(r"\n[ \t]*\n", text) if block.strip()]
    first = blocks[0].strip() if blocks else ""
    title = first if "\n" not in first and len(first) <= _LONGEST_TITLE and not first.endswith(".") else ""
    for block in blocks:
        builder.paragraph(block)
    return builder.build(kind="text", path=path, title=title, doi=clean_doi(text[:3000]))


def decode(data: bytes, *, path: str) -> str:
    """The characters of a text file: by its byte order mark, else UTF-8, else Windows' Western letters; DataError for binary files."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            try:
                return _checked(data.decode(encoding), path).replace("\r\n", "\n").replace("\r", "\n")
            except UnicodeDecodeError as error:
                raise _no_text(path) from error
    if b"\0" in data[:65536]:
        raise _no_text(path)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    return _checked(text, path).replace("\r\n", "\n").replace("\r", "\n")


def _checked(text: str, path: str) -> str:
    sample = text[:65536]
    bad = sum(1 for letter in sample if letter == "\ufffd" or (letter < " " and letter not in "\n\r\t\f\x0b"))
    if bad > _MOST_CONTROL_SHARE * len(sample):
        raise _no_text(path)
    return text


def _no_text(path: str) -> DataError:
    return DataError(
        f"{path} is no text: it holds bytes of another kind of file.",
        hint="Give it its right ending, or export it as PDF or text.",
    )
