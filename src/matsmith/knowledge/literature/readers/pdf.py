"""PDF through pdfium: text page by page, tables by the gaps between their columns, metadata of the file and its first page.

What holds no readable letters is refused with the reason (encrypted, scanned, fonts without letters), never kept empty.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import SourceDocument, clean_doi
from matsmith.knowledge.literature.readers.building import DocumentBuilder
from matsmith.knowledge.literature.readers.pdf_lines import blocks, split_lines, without_running_heads
from matsmith.knowledge.literature.readers.pdf_tables import FoundTable, find_tables

MOST_PAGES = 10_000
_FEW_CHARACTERS = 20
_LEAST_READABLE_SHARE = 0.8
_GENERIC_TITLE = re.compile(
    r"(?:untitled|microsoft word|document\d*|title|slide \d|.*\.(?:docx?|tex|dvi|pdf|indd|qxd|rtf|ps)\b|[\W\d_]*|pii:.*|doi:.*)",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"(?:©|\(c\)|copyright|published|accepted|received)[^\n]{0,60}?\b((?:19|20)\d\d)\b", re.IGNORECASE
)
_BRACKETED_YEAR = re.compile(r"\(((?:19|20)\d\d)\)")


def read_pdf(data: bytes, *, path: str) -> SourceDocument:
    """A PDF file as a document; DataError when it is encrypted, damaged, scanned, or its fonts do not tell their letters."""
    try:
        import pypdfium2
    except ImportError as error:
        raise DataError(
            "PDF files are read with the package pypdfium2, which is missing.",
            hint='pip install "matsmith[literature]"',
        ) from error
    library: Any = pypdfium2
    try:
        file: Any = library.PdfDocument(data)
    except library.PdfiumError as error:
        raise _unreadable(path, str(error)) from error
    try:
        return _read(file, library, path)
    except library.PdfiumError as error:
        raise DataError(f"{path} is a damaged PDF: {error}.", hint="Download or export it again.") from error
    finally:
        file.close()


def _unreadable(path: str, message: str) -> DataError:
    if "password" in message.lower():
        return DataError(
            f"{path} is encrypted and asks for a password.", hint="Save a copy without a password."
        )
    if "security" in message.lower():
        return DataError(
            f"{path} is protected in a way that cannot be read.", hint="Save a copy without protection."
        )
    return DataError(
        f"{path} is no PDF that can be read: {message.rstrip('.')}.", hint="Download or export it again."
    )


def _read(file: Any, library: Any, path: str) -> SourceDocument:
    count = len(file)
    if count > MOST_PAGES:
        raise DataError(f"{path} has {count:,} pages, more than {MOST_PAGES:,}.", hint="Split it into parts.")
    texts: list[str] = []
    tables: list[list[FoundTable]] = []
    damaged: list[int] = []
    title = ""
    for number in range(count):
        try:
            page: Any = file[number]
            text_page: Any = page.get_textpage()
        except library.PdfiumError:
            damaged.append(number + 1)
            texts.append("")
            tables.append([])
            continue
        text = str(text_page.get_text_range())
        if number == 0:
            title = _largest_text(text_page)
        tables.append(find_tables(text_page, text))
        texts.append(text)
        text_page.close()
        page.close()
    empty = [number + 1 for number, text in enumerate(texts) if len(text.strip()) < _FEW_CHARACTERS]
    _refuse_unreadable(texts, empty, path)
    return _build(file, texts, tables, path=path, title=title, empty=empty, damaged=damaged)


def _refuse_unreadable(texts: list[str], empty: list[int], path: str) -> None:
    whole = "".join(texts)
    if len(empty) == len(texts):
        raise DataError(
            f"{path} holds pictures of pages and no text: it was scanned.",
            hint="Run a text recognition first, for example `ocrmypdf in.pdf out.pdf`.",
        )
    letters = [letter for letter in whole if not letter.isspace()]
    readable = sum(
        1
        for letter in letters
        if letter.isprintable() and letter != "\ufffd" and not "\ue000" <= letter <= "\uf8ff"
    )
    wordlike = sum(len(word) for word in re.findall(r"[^\W\d_]{2,}", whole))
    if readable < _LEAST_READABLE_SHARE * len(letters) or wordlike < 0.25 * len(letters):
        raise DataError(
            f"The fonts of {path} do not tell which letters they show, so that its text cannot be read.",
            hint="Run a text recognition over it, for example `ocrmypdf --force-ocr in.pdf out.pdf`.",
        )


def _build(
    file: Any,
    texts: list[str],
    tables: list[list[FoundTable]],
    *,
    path: str,
    title: str,
    empty: list[int],
    damaged: list[int],
) -> SourceDocument:
    builder = DocumentBuilder()
    pages = without_running_heads([split_lines(text) for text in texts])
    for number, (lines, found) in enumerate(zip(pages, tables, strict=True), start=1):
        builder.begin_page(number)
        position = 0
        alone = frozenset(line for line in lines if number == 1 and len(line) >= 8 and line in title)
        for table in found:
            span = table.locate(lines, position)
            if span is None:
                continue
            _add(builder, lines[position : span[0]], alone)
            builder.table(table.caption, table.rows)
            position = span[1]
        _add(builder, lines[position:], alone)
    scanned = [number for number in empty if number not in damaged]
    if scanned:
        builder.warnings.append(f"no text on {_listed(scanned)} (a picture or blank)")
    if damaged:
        builder.warnings.append(f"{_listed(damaged)} damaged and left out")
    told: dict[str, str] = file.get_metadata_dict(skip_empty=True)
    own_title = told.get("Title", "").strip()
    if own_title and not _GENERIC_TITLE.fullmatch(own_title) and len(own_title) >= 8:
        title = own_title
    front = "\n".join(texts[:2])
    return builder.build(
        kind="pdf",
        path=path,
        title=title,
        authors=_authors(told.get("Author", "")),
        year=year_in(texts[0]),
        doi=clean_doi(told.get("Subject", "")) or clean_doi(front[: references_at(front)]),
    )


def _add(builder: DocumentBuilder, lines: list[str], alone: frozenset[str]) -> None:
    for heading, text in blocks(lines, alone=alone):
        (builder.heading if heading else builder.paragraph)(text)


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:8])) + (", ..." if len(numbers) > 8 else "")
    return f"page{'s' if len(numbers) > 1 else ''} {shown}"


def references_at(text: str) -> int:
    """Where the list of references begins: DOIs behind it are other papers'."""
    found = re.search(r"^\s*(?:references|bibliography)\s*$", text, re.IGNORECASE | re.MULTILINE)
    return found.start() if found else len(text)


def _authors(text: str) -> list[str]:
    parts = (
        re.split(r"\s*(?:;|\band\b|&)\s*", text)
        if ";" in text or " and " in text or "&" in text
        else text.split(",")
    )
    names = [name.strip() for part in parts for name in ([part] if ";" in text else part.split(","))]
    return [name for name in names if 3 <= len(name) <= 60 and re.search(r"[^\W\d_]{2}", name)]


def year_in(first_page: str) -> int | None:
    """The year that a first page says the paper is of; None when it says none."""
    found = _DATED.search(first_page) or _BRACKETED_YEAR.search(first_page)
    return int(found.group(1)) if found else None


def _largest_text(text_page: Any) -> str:
    """The text in the largest type on the first page, which is its title in nearly every paper; "" when none stands out."""
    import pypdfium2.raw

    raw: Any = pypdfium2.raw
    font_size: Callable[[Any, int], float] = raw.FPDFText_GetFontSize
    code_point: Callable[[Any, int], int] = raw.FPDFText_GetUnicode
    runs: dict[float, list[str]] = {}
    for index in range(min(text_page.count_chars(), 4000)):
        size = round(font_size(text_page, index), 1)
        letter = chr(code_point(text_page, index))
        # Line ends are added by pdfium and have no size of their own.
        for letters in [runs.setdefault(size, [])] if letter not in "\r\n" else runs.values():
            letters.append(" " if letter in "\r\n" else letter)
    for size in sorted(runs, reverse=True):
        text = " ".join("".join(runs[size]).split())
        if len(text) >= 15 and len(runs) > 1:
            return text if len(text) <= 300 else ""
    return ""
