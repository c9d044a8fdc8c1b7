"""BibTeX: each entry is a document of its title and abstract, or the metadata of the PDF file that it names."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.documents import SourceDocument, clean_doi
from matsmith.knowledge.literature.readers.building import DocumentBuilder
from matsmith.knowledge.literature.readers.plain_text import decode

_ENTRY = re.compile(r"^[ \t]*@(?!comment|string|preamble)\w+\s*[{(]", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a reference manager knows of a paper: `files` are paths as they stand in the entry."""

    key: str
    title: str
    authors: tuple[str, ...] = ()
    year: int | None = None
    doi: str = ""
    abstract: str = ""
    files: tuple[str, ...] = ()

    def describe(self, document: SourceDocument) -> SourceDocument:
        """The document with this reference's metadata, where it has any, in place of the file's own."""
        return replace(
            document,
            title=self.title or document.title,
            authors=self.authors or document.authors,
            year=self.year or document.year,
            doi=self.doi or document.doi,
        )

    def document(self, path: str) -> SourceDocument | None:
        """The title and abstract as a document; None when there is no abstract."""
        if not self.abstract.strip():
            return None
        builder = DocumentBuilder()
        builder.paragraph(self.title)
        builder.heading("Abstract")
        builder.paragraph(self.abstract)
        return builder.build(
            kind="bibtex", path=path, title=self.title, authors=self.authors, year=self.year, doi=self.doi
        )


def read_references(data: bytes, *, path: str) -> tuple[list[Reference], int]:
    """The entries of a BibTeX file, and how many could not be read; DataError when there is none at all."""
    text = decode(data, path=path)
    stated = len(_ENTRY.findall(text))
    if not stated:
        raise DataError(f"There is no entry in {path}.", hint="Export the references as BibTeX.")
    found = [_reference(entry) for entry in _parse(text)]
    if not found:
        raise DataError(
            f"None of the {stated} entries of {path} can be read.", hint="Check its braces and commas."
        )
    return found, max(0, stated - len(found))


def linked_file(name: str, folder: Path) -> Path | None:
    """The file that an entry names, when it lies inside the folder of the BibTeX file; None for any other place."""
    try:
        path = (folder / name).resolve()
        return path if path.is_file() and path.is_relative_to(folder.resolve()) else None
    except OSError:
        return None


def _parse(text: str) -> list[dict[str, str]]:
    # bibtexparser skips what is malformed, entry by entry, which is wanted here; what was skipped is counted.
    import bibtexparser
    from bibtexparser import bparser, customization

    library: Any = bibtexparser
    parsers: Any = bparser
    customizations: Any = customization
    parser: Any = parsers.BibTexParser(
        common_strings=True, ignore_nonstandard_types=False, customization=customizations.convert_to_unicode
    )
    return list(library.loads(text, parser=parser).entries)


def _reference(entry: dict[str, str]) -> Reference:
    year = re.search(r"\b(?:19|20)\d\d\b", entry.get("year", "") or entry.get("date", ""))
    return Reference(
        key=entry.get("ID", ""),
        title=_plain(entry.get("title", "")),
        authors=tuple(
            _plain(name) for name in re.split(r"\s+and\s+", entry.get("author", "")) if name.strip()
        ),
        year=int(year.group()) if year else None,
        doi=clean_doi(entry.get("doi", "") or entry.get("url", "")),
        abstract=_plain(entry.get("abstract", "")),
        files=tuple(_files(entry.get("file", ""))),
    )


def _files(field: str) -> list[str]:
    """Paths of a `file` field: `a.pdf`, `Full Text:files/a.pdf:application/pdf`, several parted by semicolons."""
    found: list[str] = []
    for part in re.split(r"(?<!\\);", field):
        pieces = [piece.replace("\\:", ":").replace("\\;", ";") for piece in re.split(r"(?<!\\):", part)]
        name = pieces[1] if len(pieces) >= 3 else pieces[0]
        if name.strip():
            found.append(name.strip())
    return found


def _plain(text: str) -> str:
    """A field without TeX's braces, dollars and the commands that only style."""
    text = re.sub(
        r"\\(?:text|math)?(?:rm|it|bf|sc|sub|super|textsubscript|textsuperscript|emph)\b\s*", "", text
    )
    text = re.sub(r"[{}$]", "", re.sub(r"[_^](?=\{)", "", text.replace("\\&", "&").replace("\\%", "%")))
    text = re.sub(r"(?<=\w)_(?=\d)", "", text)
    return " ".join(text.split())
