"""Web pages: the visible text of the article, its tables, and the metadata that publishers put into the head.

Nothing is fetched or run; what a browser would not show (scripts, hidden elements, comments) is left out, and so are menus.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import SourceDocument, clean_doi
from matsmith.knowledge.literature.readers.building import DocumentBuilder
from matsmith.knowledge.literature.readers.plain_text import decode

_SKIPPED_TEXT = """
script style noscript template nav footer aside form button select option svg iframe object embed head
"""
_SKIPPED = frozenset(_SKIPPED_TEXT.split())
_INLINE_TEXT = """
a abbr b bdi bdo cite code em font i img kbd mark q s samp small span strong sub sup time u var wbr tt big data ins del label math
"""
_INLINE = frozenset(_INLINE_TEXT.split())
_HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)|font-size\s*:\s*0|"
    r"(?:left|top|text-indent)\s*:\s*-\d{3,}|clip\s*:\s*rect\(0",
    re.IGNORECASE,
)
_DEEPEST = 400


def read_html(data: bytes, *, path: str) -> SourceDocument:
    """A web page as a document; DataError when it holds no text or is nested beyond reason."""
    library: Any = import_module("lxml.html")
    etree: Any = import_module("lxml.etree")
    parser: Any = library.HTMLParser(remove_comments=True, remove_pis=True, no_network=True, huge_tree=False)
    try:
        root: Any = library.document_fromstring(decode_html(data, path=path), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise DataError(
            f"{path} cannot be read as HTML: {error}.", hint="Save the page again, or print it to PDF."
        ) from error
    meta = _metadata(root)
    builder = DocumentBuilder()
    body: Any = next(iter(root.iter("article")), None)
    if body is None or len(body.text_content()) < len(root.text_content()) // 3:
        body = root
    words: list[str] = []
    _walk(body, builder, words, depth=0)
    _flush(builder, words)
    title_element: Any = root.find(".//title")
    heading: Any = next(iter(root.iter("h1")), None)
    title = meta.get("citation_title", [""])[0] or meta.get("dc.title", [""])[0]
    title = title or (heading.text_content() if heading is not None else "")
    title = title or (title_element.text_content() if title_element is not None else "")
    date = " ".join(
        meta.get("citation_publication_date", []) + meta.get("citation_date", []) + meta.get("dc.date", [])
    )
    year = re.search(r"\b(?:19|20)\d\d\b", date)
    doi = " ".join(meta.get("citation_doi", []) + meta.get("dc.identifier", []) + meta.get("prism.doi", []))
    return builder.build(
        kind="html",
        path=path,
        title=title,
        authors=meta.get("citation_author", []) or meta.get("dc.creator", []) or meta.get("author", []),
        year=int(year.group()) if year else None,
        doi=clean_doi(doi),
    )


def decode_html(data: bytes, *, path: str) -> str:
    """The characters of a page: by the charset it declares, else as other text. An XML declaration is dropped."""
    declared = re.search(rb"charset\s*=\s*[\"']?([A-Za-z0-9_-]+)", data[:4096])
    text = ""
    if declared:
        try:
            text = data.decode(declared.group(1).decode("ascii"))
        except (LookupError, UnicodeDecodeError):
            text = ""
    text = text or decode(data, path=path)
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", text).replace("\0", "")


def _metadata(root: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for element in root.iter("meta"):
        name = str(element.get("name") or element.get("property") or "").lower()
        content = str(element.get("content") or "").strip()
        if name and content:
            found.setdefault(name, []).append(content)
    return found


def _walk(element: Any, builder: DocumentBuilder, words: list[str], *, depth: int) -> None:
    tag = element.tag if isinstance(element.tag, str) else ""
    if depth > _DEEPEST:
        raise DataError(
            "The page is nested deeper than any article.", hint="Save it again, or print it to PDF."
        )
    if tag and tag not in _SKIPPED and not _hidden(element):
        if tag in _HEADINGS:
            _flush(builder, words)
            builder.heading(_inline(element))
        elif tag == "table" and _is_data_table(element):
            _flush(builder, words)
            _add_table(element, builder)
        else:
            if tag not in _INLINE:
                _flush(builder, words)
            if element.text:
                words.append(element.text)
            for child in element:
                _walk(child, builder, words, depth=depth + 1)
            if tag not in _INLINE:
                _flush(builder, words)
    if element.tail and depth:
        words.append(element.tail)


def _flush(builder: DocumentBuilder, words: list[str]) -> None:
    builder.paragraph(" ".join("".join(words).split()))
    words.clear()


def _hidden(element: Any) -> bool:
    if (
        element.get("hidden") is not None
        or element.get("aria-hidden") == "true"
        or element.get("type") == "hidden"
    ):
        return True
    return _HIDDEN_STYLE.search(element.get("style") or "") is not None


def _inline(element: Any) -> str:
    """The visible text inside an element, on one line."""
    parts: list[str] = []

    def collect(node: Any, depth: int) -> None:
        if depth > _DEEPEST:
            raise DataError(
                "The page is nested deeper than any article.", hint="Save it again, or print it to PDF."
            )
        if isinstance(node.tag, str) and node.tag not in _SKIPPED and not _hidden(node):
            parts.append(node.text or "")
            for child in node:
                collect(child, depth + 1)
                parts.append(child.tail or "")

    collect(element, 0)
    return " ".join("".join(parts).split())


def _is_data_table(element: Any) -> bool:
    """Whether a table holds data and is not there for the layout of the page."""
    if element.get("role") == "presentation" or next(element.iterdescendants("table"), None) is not None:
        return False
    rows = list(element.iter("tr"))
    return len(rows) >= 2 and max(len(row) for row in rows) >= 2


def _add_table(element: Any, builder: DocumentBuilder) -> None:
    caption: Any = next(element.iter("caption"), None)
    rows: list[list[str]] = []
    for row in element.iter("tr"):
        cells: list[str] = []
        for cell in row:
            if cell.tag in ("td", "th") and not _hidden(row):
                span = str(cell.get("colspan") or "1")
                cells += [_inline(cell)] + [""] * (min(int(span), 50) - 1 if span.isdigit() else 0)
        rows.append(cells)
    builder.table(_inline(caption) if caption is not None else "", rows)
