"""What docling finds becomes a document like any other; without docling, or with another form of it, there is one clear sentence.

`docling_export.json` is a `DoclingDocument` as docling-core 2.104 exports it.
"""

from __future__ import annotations

import json
import sys
from copy import deepcopy
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from matsmith.core.errors import DataError
from matsmith.core.settings import Settings
from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.extraction.families import FAMILIES
from matsmith.knowledge.literature.extraction.rules import extract_values
from matsmith.knowledge.literature.ingest import ingest
from matsmith.knowledge.literature.readers import docling_pdf
from matsmith.knowledge.literature.readers.docling_pdf import docling_lacks, from_docling, read_with_docling
from matsmith.knowledge.literature.readers.files import read_file

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("docling_export.json").read_text("utf-8"))


def read(**changes: Any) -> SourceDocument:
    return from_docling({**deepcopy(RECORDED), **changes}, path="nitrides.pdf")


def test_the_parts_of_a_paper_are_where_they_belong() -> None:
    document = read()
    assert document.title == "Bulk moduli of cubic transition metal nitrides"
    assert (document.kind, document.doi) == ("pdf", "10.1234/nitrides.2020.1")
    assert [section.title for section in document.sections] == ["1. Introduction", "2. Results"]
    assert [page.number for page in document.pages] == [1, 2]
    # Running heads, feet and page numbers are no text; a list's items and a figure's caption are, each once.
    assert "J. Nitrides 7" not in document.text
    for words in ("TiN is used in coatings.", "Fig. 1. Pressure", "Table 1. Bulk modulus", "B = -V dP/dV"):
        assert document.text.count(words) == 1
    order = [
        document.text.index(words) for words in ("1. Intro", "TiN is used", "2. Res", "Table 1", "Fig. 1")
    ]
    assert order == sorted(order)


def test_a_table_keeps_its_cells_and_its_page() -> None:
    (table,) = read().tables
    assert table.caption == "Table 1. Bulk modulus of nitrides."
    assert table.rows[0] == ("material", "bulk modulus (GPa)")
    assert table.rows[3] == ("HfN", "269")
    assert table.page == 2


def test_values_and_passages_stand_at_their_offsets() -> None:
    document = read()
    values = extract_values(document, FAMILIES["bulk_modulus"])
    assert [(value.material, value.low, value.kind) for value in values] == [
        ("HfN", 269.0, "text"),
        ("TiN", 288.0, "table"),
        ("ZrN", 248.0, "table"),
        ("HfN", 269.0, "table"),
    ]
    assert all(document.text[value.start : value.end] == value.quote for value in values)
    assert all(document.holds(passage) for passage in cut(document))


def test_a_cell_over_several_rows_stands_in_each_of_them() -> None:
    tables = deepcopy(RECORDED["tables"])
    cells = tables[0]["data"]["table_cells"]
    first = next(cell for cell in cells if cell["text"] == "TiN")
    first["end_row_offset_idx"] = 3
    cells.remove(next(cell for cell in cells if cell["text"] == "ZrN"))
    (table,) = read(tables=tables).tables
    assert [row[0] for row in table.rows] == ["material", "TiN", "TiN", "HfN"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"body": "a string"}, "form that is not known here .body"),
        ({"tables": [{"label": "table", "data": {"num_rows": -1, "num_cols": 2}}]}, "not known here"),
        ({"schema_name": "Other"}, "as something else"),
        ({"body": {"children": []}}, "no text in nitrides.pdf"),
    ],
)
def test_another_form_is_one_sentence(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=words):
        read(**changes)


def test_references_that_lead_nowhere_or_in_circles_end() -> None:
    body = deepcopy(RECORDED["body"])
    body["children"] += [
        {"$ref": "#/texts/999"},
        {"$ref": "#/nothing/1"},
        {"$ref": "#/texts/1"},
        {"$ref": "junk"},
    ]
    groups = deepcopy(RECORDED["groups"])
    groups[0]["children"].append({"$ref": "#/groups/0"})
    assert read(body=body, groups=groups).text == read().text


def test_a_table_of_a_billion_cells_is_refused() -> None:
    tables = deepcopy(RECORDED["tables"])
    tables[0]["data"] |= {"num_rows": 10**6, "num_cols": 10**6}
    with pytest.raises(DataError, match="more cells"):
        read(tables=tables)


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docling", None)


@pytest.mark.usefixtures("absent")
def test_without_docling_nothing_is_touched_and_it_is_said(tmp_path: Path) -> None:
    assert 'pip install "matsmith[documents]"' in (docling_lacks() or "")
    file = tmp_path / "a.pdf"
    file.write_bytes(b"%PDF-1.4\n")
    settings = Settings(embedding_model="none", cache_dir=tmp_path / "c")
    with pytest.raises(DataError, match="docling is not installed"):
        ingest([file], folder=tmp_path / "library", settings=settings, reader="docling")
    assert not (tmp_path / "library").exists()
    with pytest.raises(DataError, match="docling is not installed"):
        read_file(file, shown="a.pdf", reader="docling")


class Converter:
    """Stands where docling's converter stands, with its documented call and its recorded export."""

    status = "success"
    error: Exception | None = None

    def convert(
        self, source: Any, *, raises_on_error: bool, max_num_pages: int, max_file_size: int
    ) -> SimpleNamespace:
        assert source.stream.read(5) == b"%PDF-"
        assert not raises_on_error
        if self.error is not None:
            raise self.error
        return SimpleNamespace(
            status=SimpleNamespace(value=self.status),
            errors=[SimpleNamespace(error_message="page 3\nis broken")],
            document=SimpleNamespace(export_to_dict=lambda: deepcopy(RECORDED)),
        )


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[Converter]:
    class Own(Converter):
        pass

    parts: dict[str, dict[str, Any]] = {
        "docling": {},
        "docling.datamodel": {},
        "docling.datamodel.base_models": {"DocumentStream": SimpleNamespace},
        "docling.document_converter": {"DocumentConverter": Own},
    }
    for name, attributes in parts.items():
        module = ModuleType(name)
        vars(module).update(attributes)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(docling_pdf, "find_spec", lambda name: object())  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
    return Own


def test_what_the_converter_gives_is_read(stand_in: type[Converter]) -> None:
    assert read_with_docling(b"%PDF-1.7 ...", path="nitrides.pdf").text == read().text
    stand_in.status = "partial_success"
    partly = read_with_docling(b"%PDF-1.7 ...", path="nitrides.pdf")
    assert partly.warnings == ("docling read it only in part",)


def test_what_the_converter_cannot_do_is_said(stand_in: type[Converter]) -> None:
    stand_in.status = "failure"
    with pytest.raises(DataError, match=r"made nothing of x\.pdf: page 3 is broken"):
        read_with_docling(b"%PDF-1.7", path="x.pdf")
    stand_in.error = OSError("We couldn't connect to the hub")
    with pytest.raises(DataError, match="couldn't connect") as caught:
        read_with_docling(b"%PDF-1.7", path="x.pdf")
    assert "check the network" in caught.value.hint
