"""JATS: the XML in which PubMed Central and many publishers keep their articles.

Entities are not resolved and nothing is loaded from outside, so that neither a file bomb nor a link in a file does anything.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import SourceDocument, clean_doi
from matsmith.knowledge.literature.readers.building import DocumentBuilder

_SKIPPED = frozenset(
    ("xref-group", "object-id", "graphic", "inline-graphic", "media", "alternatives", "tex-math", "label")
)
_HINT = "Download it again; if it stays so, use the PDF of the article."


def read_jats(data: bytes, *, path: str) -> SourceDocument:
    """An article in JATS as a document; DataError when the XML is broken or is no article."""
    library: Any = import_module("lxml.etree")
    parser: Any = library.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root: Any = library.fromstring(data, parser)
    except library.XMLSyntaxError as error:
        raise DataError(f"{path} is broken XML: {error}.", hint=_HINT) from error
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rsplit("}", 1)[-1]
    article: Any = root if root.tag == "article" else next(root.iter("article"), None)
    if article is None:
        raise DataError(f"{path} is XML, but no JATS article.", hint="Only JATS articles are read from XML.")
    builder = DocumentBuilder()
    for abstract in article.iterfind("./front//abstract"):
        builder.heading("Abstract")
        _section(abstract, builder)
    for body in article.iterfind("./body"):
        _section(body, builder)
    for group in article.iterfind("./floats-group"):
        _section(group, builder)
    return builder.build(
        kind="jats",
        path=path,
        title=_text(article.find("./front/article-meta/title-group/article-title")),
        authors=_authors(article),
        year=_year(article),
        doi=_doi(article),
    )


def _section(element: Any, builder: DocumentBuilder) -> None:
    """Add what stands in an element, in order; a paragraph's own tables come after it."""
    for child in element:
        if child.tag == "sec":
            builder.heading(_text(child.find("./title")))
            _section(child, builder)
        elif child.tag == "table-wrap":
            _table(child, builder)
        elif child.tag in ("p", "disp-quote", "statement", "list", "def-list"):
            builder.paragraph(_text(child))
            for table in child.iter("table-wrap"):
                _table(table, builder)
        elif child.tag == "fig":
            builder.paragraph(_text(child.find("./caption")))
        elif child.tag in ("fig-group", "boxed-text", "disp-formula-group"):
            _section(child, builder)


def _table(element: Any, builder: DocumentBuilder) -> None:
    label, caption = _text(element.find("./label")), _text(element.find("./caption"))
    rows: list[list[str]] = []
    for row in element.iter("tr"):
        cells: list[str] = []
        for cell in row:
            if cell.tag in ("td", "th"):
                span = str(cell.get("colspan") or "1")
                cells += [_text(cell)] + [""] * (min(int(span), 50) - 1 if span.isdigit() else 0)
        rows.append(cells)
    builder.table(" ".join(part for part in (label, caption) if part), rows)


def _text(element: Any) -> str:
    """The text of an element on one line, without labels of figures, pictures and source code of formulas."""
    if element is None:
        return ""
    parts: list[str] = []
    stack: list[tuple[Any, bool]] = [(element, False)]
    # Without recursion: the depth of a file is not ours to trust.
    while stack:
        node, tail = stack.pop()
        if tail:
            parts.append(node.tail or "")
            continue
        if node is not element:
            stack.append((node, True))
        inner = node is not element
        if not isinstance(node.tag, str) or (inner and (node.tag in _SKIPPED or node.tag == "table-wrap")):
            continue
        parts.append(node.text or "")
        if node.tag in ("p", "title", "list-item", "break"):
            parts.insert(len(parts) - 1, " ")
        stack.extend((child, False) for child in reversed(node))
    return " ".join("".join(parts).split())


def _authors(article: Any) -> list[str]:
    names: list[str] = []
    for contributor in article.iterfind("./front/article-meta/contrib-group/contrib"):
        if contributor.get("contrib-type", "author") != "author":
            continue
        family, given = _text(contributor.find(".//surname")), _text(contributor.find(".//given-names"))
        name = ", ".join(part for part in (family, given) if part) or _text(contributor.find(".//collab"))
        if name:
            names.append(name)
    return names


def _year(article: Any) -> int | None:
    years = [
        int(text)
        for date in article.iterfind("./front/article-meta/pub-date")
        if (text := _text(date.find("./year"))).isdigit() and len(text) == 4
    ]
    return min(years, default=None)


def _doi(article: Any) -> str:
    for identifier in article.iterfind("./front/article-meta/article-id"):
        if identifier.get("pub-id-type") == "doi":
            return clean_doi(_text(identifier))
    return ""
