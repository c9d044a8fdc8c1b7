"""Which reader a file is for: by what it holds first, by its ending second; and what no reader takes, with the reason."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Literal

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import DocumentKind, SourceDocument
from matsmith.knowledge.literature.readers.html import read_html
from matsmith.knowledge.literature.readers.jats import read_jats
from matsmith.knowledge.literature.readers.markdown import read_markdown
from matsmith.knowledge.literature.readers.pdf import read_pdf
from matsmith.knowledge.literature.readers.plain_text import read_plain_text

PdfReader = Literal["pdfium", "docling"]
MOST_BYTES = 300_000_000
"""Larger files are no papers; reading one would take the memory that the rest needs."""
ENDINGS: dict[str, DocumentKind] = {
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".xml": "jats",
    ".nxml": "jats",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".bib": "bibtex",
}
_FOREIGN = (
    (b"PK\x03\x04", "an archive or an office document", "Unpack it, or export the document as PDF."),
    (b"\x1f\x8b", "a compressed file", "Unpack it first."),
    (b"BZh", "a compressed file", "Unpack it first."),
    (b"\xfd7zXZ", "a compressed file", "Unpack it first."),
    (b"(\xb5/\xfd", "a compressed file", "Unpack it first."),
    (b"7z\xbc\xaf", "an archive", "Unpack it first."),
    (b"Rar!", "an archive", "Unpack it first."),
    (b"\xd0\xcf\x11\xe0", "an old office document", "Export it as PDF."),
    (
        b"\x89PNG",
        "a picture",
        "Run a text recognition over it first, for example `ocrmypdf --image-dpi 300 in.png out.pdf`.",
    ),
    (
        b"\xff\xd8\xff",
        "a picture",
        "Run a text recognition over it first, for example `ocrmypdf --image-dpi 300 in.jpg out.pdf`.",
    ),
    (b"GIF8", "a picture", "Run a text recognition over it first."),
    (b"II*\x00", "a picture", "Run a text recognition over it first."),
    (b"%!PS", "PostScript", "Convert it to PDF, for example with `ps2pdf`."),
    (b"{\\rtf", "a rich text document", "Export it as PDF."),
    (b"\x7fELF", "a program", "Give papers: PDF, HTML, JATS, Markdown, text or BibTeX."),
    (b"MZ", "a program", "Give papers: PDF, HTML, JATS, Markdown, text or BibTeX."),
    (b"SQLite format 3", "a database", "Give the folder of Zotero, not its file."),
)
_READERS = {
    "pdf": read_pdf,
    "html": read_html,
    "jats": read_jats,
    "markdown": read_markdown,
    "text": read_plain_text,
}
_WEB_PAGE = re.compile(rb"\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html\b)", re.IGNORECASE | re.DOTALL)
_ARTICLE = re.compile(rb"<article\b|<!DOCTYPE\s+article\b|<pmc-articleset\b", re.IGNORECASE)


def read_file(path: Path, *, shown: str, reader: PdfReader = "pdfium") -> SourceDocument:
    """The document in a file; DataError, which names the file as `shown`, when it cannot be read. `reader` is for PDF files."""
    data = load(path, shown=shown)
    kind = kind_of(data, path, shown=shown)
    if kind == "bibtex":
        raise DataError(
            f"{shown} holds references and no document.", hint="`matsmith ingest` takes it as a list."
        )
    if kind == "pdf" and reader == "docling":
        from matsmith.knowledge.literature.readers.docling_pdf import read_with_docling

        return read_with_docling(data, path=shown)
    return _READERS[kind](data, path=shown)


def load(path: Path, *, shown: str) -> bytes:
    """The bytes of a regular file of a size that papers have; DataError for anything else."""
    size_of(path, shown=shown)
    try:
        with path.open("rb") as file:
            # The file may have grown since, and a size may lie (as those of /proc do).
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(
            f"{shown} cannot be read: {error.strerror or error}.", hint="Check its permissions."
        ) from error
    if len(data) > MOST_BYTES:
        raise _too_large(shown, len(data))
    if not data.strip(b"\0 \t\r\n"):
        raise DataError(f"{shown} is empty.", hint="Download it again.")
    return data


def size_of(path: Path, *, shown: str) -> os.stat_result:
    """The state of a regular file; DataError when it is none, not there, or too large to be a paper."""
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise DataError(f"{shown} cannot be read: {reason}.", hint="Check the path.") from error
    if not stat.S_ISREG(state.st_mode):
        raise DataError(f"{shown} is no regular file.", hint="Give files or folders of papers.")
    if state.st_size > MOST_BYTES:
        raise _too_large(shown, state.st_size)
    return state


def kind_of(data: bytes, path: Path, *, shown: str) -> DocumentKind:
    """What the bytes are; DataError when no reader takes them, or the ending promises a PDF that is not there."""
    ending = path.suffix.lower()
    head = data[:2048].removeprefix(b"\xef\xbb\xbf")
    if b"%PDF-" in data[:1024]:
        return "pdf"
    for mark, name, hint in _FOREIGN:
        if head.startswith(mark) and not (mark == b"MZ" and b"\0" not in head):
            raise DataError(f"{shown} is {name}, which is not read.", hint=hint)
    is_page = _WEB_PAGE.match(head) is not None
    if ending == ".pdf":
        what = "a web page (often that of a login)" if is_page else "something else"
        raise DataError(f"{shown} is called a PDF but holds {what}.", hint="Download the PDF again.")
    if is_page:
        return "html"
    if _ARTICLE.search(head) and head.lstrip().startswith(b"<"):
        return "jats"
    return ENDINGS.get(ending, "text")


def _too_large(shown: str, size: int) -> DataError:
    return DataError(
        f"{shown} has {size / 1e6:,.0f} MB, more than the {MOST_BYTES / 1e6:,.0f} MB that are read.",
        hint="Split it, or leave its pictures out.",
    )
