"""PDF through docling, a reader that recognises layout and tables by learned models: slower, and better at crowded pages and scans.

It is optional, imported only when it is asked for, and loads its models itself, from the network the first time. What it finds comes as
its `DoclingDocument` (Livathinos et al. 2025, arXiv:2501.17887), of which the exported form is read here: the body's items in reading order,
without running heads and feet.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import SourceDocument, clean_doi
from matsmith.knowledge.literature.readers.building import DocumentBuilder
from matsmith.knowledge.literature.readers.pdf import MOST_PAGES, references_at, year_in

INSTALL = 'pip install "matsmith[documents]"'
_MOST_BYTES = 300_000_000
_TABLE_CELLS = 100_000
_HEADINGS = frozenset({"section_header", "field_heading"})
_LEFT_OUT = frozenset(
    {"page_header", "page_footer", "checkbox_selected", "checkbox_unselected", "empty_value"}
)
_REFERENCE = re.compile(r"#/([a-z_]+)/(\d+)")
_FRONT_CHARACTERS = 4_000


def docling_lacks() -> str | None:
    """What is missing for docling, as a sentence with what to do; None when nothing is."""
    if find_spec("docling") is None:
        return f"The reader docling is not installed: {INSTALL}"
    return None


def read_with_docling(data: bytes, *, path: str) -> SourceDocument:
    """A PDF file as a document, read by docling. DataError when docling is missing, cannot start, or makes nothing of the file."""
    lacking = docling_lacks()
    if lacking:
        raise DataError(lacking, hint="Leave --reader out: PDF files are then read without it.")
    try:
        models: Any = import_module("docling.datamodel.base_models")
        library: Any = import_module("docling.document_converter")
    except ImportError as error:
        raise DataError(
            f"The reader docling is installed only in part: {error}.", hint=f"Install it again: {INSTALL}"
        ) from error
    stream: Any = models.DocumentStream(name="paper.pdf", stream=io.BytesIO(data))
    converter: Any = library.DocumentConverter()
    try:
        found: Any = converter.convert(
            stream, raises_on_error=False, max_num_pages=MOST_PAGES, max_file_size=_MOST_BYTES
        )
    except (OSError, RuntimeError, ValueError) as error:
        # Its models are fetched when the first file is converted.
        raise DataError(
            f"docling could not read {path}: {' '.join(str(error).split())[:200]}.",
            hint="Its models are downloaded once: check the network, or read the file without --reader docling.",
        ) from error
    status = str(getattr(found.status, "value", found.status))
    if status not in ("success", "partial_success"):
        reasons = "; ".join(str(getattr(one, "error_message", one)) for one in list(found.errors)[:2])
        raise DataError(
            f"docling made nothing of {path}: {' '.join(reasons.split())[:200] or status}.",
            hint="Read it without --reader docling, or print it to a new PDF.",
        )
    exported: dict[str, Any] = found.document.export_to_dict()
    return from_docling(
        exported, path=path, warning="docling read it only in part" if status != "success" else ""
    )


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class _Ref(_Model):
    ref: str = Field(alias="$ref")


class _Place(_Model):
    page_no: int


class _Cell(_Model):
    text: str = ""
    start_row_offset_idx: int = Field(ge=0)
    end_row_offset_idx: int = Field(ge=0)
    start_col_offset_idx: int = Field(ge=0)
    end_col_offset_idx: int = Field(ge=0)


class _TableData(_Model):
    table_cells: list[_Cell] = Field(default_factory=list[_Cell])
    num_rows: int = Field(ge=0)
    num_cols: int = Field(ge=0)


class _Item(_Model):
    """A text, list, table or picture; which of the fields it has depends on its label."""

    label: str = ""
    content_layer: str = "body"
    text: str = ""
    children: list[_Ref] = Field(default_factory=list[_Ref])
    captions: list[_Ref] = Field(default_factory=list[_Ref])
    prov: list[_Place] = Field(default_factory=list[_Place])
    data: _TableData | None = None


class _Exported(_Model):
    schema_name: str
    body: _Item
    texts: list[_Item] = Field(default_factory=list[_Item])
    tables: list[_Item] = Field(default_factory=list[_Item])
    groups: list[_Item] = Field(default_factory=list[_Item])
    pictures: list[_Item] = Field(default_factory=list[_Item])

    def item(self, ref: str) -> _Item | None:
        """The item that a reference such as `#/texts/3` names; None for kinds that hold no text."""
        match = _REFERENCE.fullmatch(ref)
        kinds = {
            "texts": self.texts,
            "tables": self.tables,
            "groups": self.groups,
            "pictures": self.pictures,
        }
        if match is None or match[1] not in kinds:
            return None
        listed, index = kinds[match[1]], int(match[2])
        return listed[index] if index < len(listed) else None


def from_docling(exported: Mapping[str, Any], *, path: str, warning: str = "") -> SourceDocument:
    """A document from what docling exports. DataError when that is no `DoclingDocument` of a form known here, or holds no text."""
    try:
        found = _Exported.model_validate(exported)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise DataError(
            f"docling gave {path} in a form that is not known here ({place}: {first['msg']}).",
            hint="Install another version of docling, or read the file without it.",
        ) from error
    if found.schema_name != "DoclingDocument":
        raise DataError(f"docling gave {path} as something else.", hint="Read the file without it.")
    builder = DocumentBuilder()
    if warning:
        builder.warnings.append(warning)
    title, front, page = "", "", 0
    for item, caption in _items(found):
        number = item.prov[0].page_no if item.prov else page
        # Items that run over from an earlier page belong to the present one: pages only go forward.
        if number > page:
            page = number
            builder.begin_page(number)
        if item.data is not None:
            builder.table(caption, _rows(item.data))
        elif item.label == "title" and not title:
            title = item.text
            builder.paragraph(item.text)
        elif item.label in _HEADINGS:
            builder.heading(item.text)
        else:
            builder.paragraph(item.text or caption)
        if page <= 2 and len(front) < _FRONT_CHARACTERS:
            front += f"{item.text}\n"
    return builder.build(
        kind="pdf",
        path=path,
        title=title,
        year=year_in(front),
        doi=clean_doi(front[: references_at(front)]),
    )


def _items(found: _Exported) -> Iterator[tuple[_Item, str]]:
    """The items with text in reading order, each with its caption; groups and lists are gone through."""
    captions = {ref.ref for item in (*found.tables, *found.pictures) for ref in item.captions}
    seen: set[str] = set()
    waiting = [ref.ref for ref in reversed(found.body.children)]
    while waiting:
        ref = waiting.pop()
        item = found.item(ref)
        if item is None or ref in seen or ref in captions:
            continue
        seen.add(ref)
        if item.content_layer == "body" and item.label not in _LEFT_OUT:
            parts = [part.text for each in item.captions if (part := found.item(each.ref)) is not None]
            caption = " ".join(parts)
            if item.text or caption or item.data is not None:
                yield item, caption
        # What stands inside a picture (axis labels, letters in drawings) is no prose.
        if not ref.startswith("#/pictures/"):
            waiting.extend(child.ref for child in reversed(item.children))


def _rows(data: _TableData) -> list[list[str]]:
    """The cells by row and column; one that spans several is repeated, so that every row can be read alone."""
    if data.num_rows * data.num_cols > _TABLE_CELLS:
        raise DataError("A table has more cells than any paper's.", hint="Split the file.")
    rows = [["" for _ in range(data.num_cols)] for _ in range(data.num_rows)]
    for cell in data.table_cells:
        for row in rows[cell.start_row_offset_idx : cell.end_row_offset_idx]:
            for column in range(cell.start_col_offset_idx, min(cell.end_col_offset_idx, data.num_cols)):
                row[column] = cell.text
    return rows
