"""Writes plain PDF files by hand: Helvetica at given places, nothing else; enough to measure and to test a reader with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PAGE_WIDTH, PAGE_HEIGHT = 612, 792


@dataclass(frozen=True, kw_only=True)
class Words:
    """Words at a place on a page, in points from its lower left corner."""

    x: float
    y: float
    text: str
    size: float = 10.0


def page_of_lines(lines: Sequence[str], *, size: float = 10.0, top: float = 740.0) -> list[Words]:
    """Lines of text below one another."""
    return [Words(x=60, y=top - 1.4 * size * n, text=line, size=size) for n, line in enumerate(lines) if line]


def write_pdf(pages: Sequence[Sequence[Words]], *, title: str = "", author: str = "") -> bytes:
    """The bytes of a PDF file with these pages; text outside of Latin-1 becomes question marks."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, words in enumerate(pages):
        stream = b"".join(
            b"BT /F1 %.1f Tf %.1f %.1f Td (%s) Tj ET\n" % (each.size, each.x, each.y, _string(each.text))
            for each in words
        )
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {PAGE_WIDTH} {PAGE_HEIGHT}] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>".encode()
        )
        objects.append(b"<< /Length %d >>\nstream\n%sendstream" % (len(stream), stream))
    objects.append(b"<< /Title (%s) /Author (%s) >>" % (_string(title), _string(author)))
    return _file(objects, info=len(objects))


def _file(objects: Sequence[bytes], *, info: int) -> bytes:
    """Number the objects and add the table of where they are."""
    parts = [b"%PDF-1.4\n"]
    places: list[int] = []
    position = len(parts[0])
    for number, content in enumerate(objects, start=1):
        part = b"%d 0 obj\n%s\nendobj\n" % (number, content)
        places.append(position)
        position += len(part)
        parts.append(part)
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1))
    parts += [b"%010d 00000 n \n" % place for place in places]
    parts.append(
        b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, info, position)
    )
    return b"".join(parts)


def _string(text: str) -> bytes:
    latin = text.encode("cp1252", "replace")
    return latin.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
