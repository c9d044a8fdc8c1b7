"""PDF files: text, tables, metadata; and those that hold no text that can be read."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("pypdfium2")

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.chunks import cut
from matsmith.knowledge.literature.documents import SourceDocument
from matsmith.knowledge.literature.readers.pdf import read_pdf

HEAD = "J. Made Mater. 12 (2019) "


def paper(pdf: Any) -> bytes:
    """Three pages with a running head, a title in large type, a broken word and a table."""
    first = [
        pdf.Words(x=60, y=780, text=HEAD + "100"),
        pdf.Words(x=60, y=740, text="Fast lithium conduction in a made garnet", size=18),
        *pdf.page_of_lines(
            [
                "1. Introduction",
                "Garnets conduct lithium. The conductivity of the cubic phase at room tem-",
                "perature is 3.2e-4 S/cm and its activation energy is 0.31 eV, as others have",
                "found before. doi:10.1234/made.5678",
                "2. Results",
                "Table 1. Properties of the samples.",
            ],
            top=690,
        ),
        *[
            pdf.Words(x=60 + 120 * column, y=580 - 14 * row, text=text)
            for row, cells in enumerate(
                [("Sample", "a", "S/cm"), ("LLZO", "12.97", "3.2e-4"), ("LLZTO", "12.94", "7.0e-4")]
            )
            for column, text in enumerate(cells)
        ],
        *pdf.page_of_lines(
            ["The second sample conducts better because tantalum keeps the cubic form."], top=500
        ),
    ]
    second = [
        pdf.Words(x=60, y=780, text=HEAD + "101"),
        *pdf.page_of_lines(
            ["3. Conclusions", "Cubic garnets conduct well.", "References", "[1] doi:10.9999/other"]
        ),
    ]
    third = [
        pdf.Words(x=60, y=780, text=HEAD + "102"),
        *pdf.page_of_lines(["[2] Another paper about garnets, which nobody should quote, 2001."]),
    ]
    return pdf.write_pdf([first, second, third], author="Anna Author; Bert Writer")


@pytest.fixture
def document(pdf: Any) -> SourceDocument:
    return read_pdf(paper(pdf), path="made.pdf")


def test_metadata(document: SourceDocument) -> None:
    assert document.title == "Fast lithium conduction in a made garnet"
    assert document.authors == ("Anna Author", "Bert Writer")
    assert (document.year, document.doi) == (2019, "10.1234/made.5678")


def test_text_pages_and_sections(document: SourceDocument) -> None:
    assert "conductivity of the cubic phase at room temperature is 3.2e-4 S/cm and its" in document.text
    assert HEAD not in document.text
    assert [section.title for section in document.sections] == [
        "1. Introduction",
        "2. Results",
        "3. Conclusions",
        "References",
    ]
    assert [page.number for page in document.pages] == [1, 2, 3]
    assert document.page_at(document.text.index("Cubic garnets")) == 2


def test_a_table_stays_a_table(document: SourceDocument) -> None:
    (table,) = document.tables
    assert table.rows == (("Sample", "a", "S/cm"), ("LLZO", "12.97", "3.2e-4"), ("LLZTO", "12.94", "7.0e-4"))
    assert (table.caption, table.page) == ("Table 1. Properties of the samples.", 1)
    passages = cut(document)
    assert [p.kind for p in passages].count("table") == 1
    assert all(document.holds(p) for p in passages)
    assert not any("Another paper" in p.text for p in passages)


def test_a_scan_says_so(pdf: Any) -> None:
    with pytest.raises(DataError, match="scanned") as caught:
        read_pdf(pdf.write_pdf([[], []]), path="scan.pdf")
    assert "ocrmypdf" in caught.value.hint


def test_a_scanned_page_among_others_is_noted(pdf: Any) -> None:
    document = read_pdf(
        pdf.write_pdf([pdf.page_of_lines(["Words are on this page, and they can be read."]), []]),
        path="half.pdf",
    )
    assert document.warnings == ("no text on page 2 (a picture or blank)",)


def test_an_encrypted_file_says_so(pdf: Any) -> None:
    lock = b"/Encrypt << /Filter /Standard /V 1 /R 2 /O <%s> /U <%s> /P -4 >> /ID [<00> <00>] /Root" % (
        b"41" * 32,
        b"42" * 32,
    )
    with pytest.raises(DataError, match="encrypted"):
        read_pdf(paper(pdf).replace(b"/Root", lock), path="locked.pdf")


def test_fonts_without_letters_are_refused(pdf: Any) -> None:
    cmap = b"1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfrange <00> <FF> <E000> endbfrange"
    data = pdf.write_pdf(
        [pdf.page_of_lines(["These letters are shown and yet nobody can read them as letters."] * 5)]
    )
    stream = b"99 0 obj << /Length %d >> stream\n%s\nendstream endobj\n" % (len(cmap), cmap)
    data = data.replace(b"/BaseFont", b"/ToUnicode 99 0 R /BaseFont").replace(
        b"xref\n", stream + b"xref\n", 1
    )
    # The table of places no longer fits; pdfium makes it anew when it is gone.
    data = re.sub(rb"startxref\n\d+", b"startxref\n0", data)
    with pytest.raises(DataError, match="fonts"):
        read_pdf(data, path="fonts.pdf")


@pytest.mark.parametrize("data", [b"%PDF-1.4 nonsense", b"%PDF-1.7\n", b"%PDF-1.4\n" + b"\0" * 1000])
def test_a_damaged_file_says_so(data: bytes) -> None:
    with pytest.raises(DataError, match=r"x\.pdf"):
        read_pdf(data, path="x.pdf")


def test_a_truncated_file_is_refused(pdf: Any) -> None:
    whole = paper(pdf)
    for part in (100, len(whole) // 2, len(whole) - 40):
        with pytest.raises(DataError, match=r"x\.pdf") as caught:
            read_pdf(whole[:part], path="x.pdf")
        assert caught.value.hint


def test_a_bomb_that_fits_into_memory_is_a_page_without_text(flate_bomb: Callable[[int], bytes]) -> None:
    with pytest.raises(DataError):
        read_pdf(flate_bomb(20), path="bomb.pdf")
