"""The notes that ship with matsmith, as documents: Markdown with front matter, one passage a paragraph."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import resources

from matsmith.core.errors import DataError
from matsmith.knowledge.literature.citations import find_citations, find_dois
from matsmith.knowledge.literature.documents import (
    Passage,
    SectionSpan,
    SourceDocument,
    document_id,
    normalise_text,
)

_HEADER = re.compile(r"---\n(.*?)\n---\n", flags=re.DOTALL)
_PARAGRAPH = re.compile(r"\S(?:[^\n]|\n(?=[^\n\S]*\S))*")


def note_document(note_id: str, text: str) -> SourceDocument:
    """A note as a document; its text is the whole file, front matter included. DataError when it has no title or no text."""
    text = normalise_text(text)
    fields, body = _front_matter(note_id, text)
    headings = [match for match in _PARAGRAPH.finditer(text, body) if match.group().startswith("#")]
    ends = [match.start() for match in headings[1:]] + [len(text)]
    return SourceDocument(
        id=document_id(text),
        title=fields["title"],
        authors=(),
        year=None,
        doi="",
        kind="note",
        path=f"{note_id}.md",
        retracted=None,
        text=text,
        sections=tuple(
            SectionSpan(title=match.group().lstrip("# ").splitlines()[0], start=match.start(), end=end)
            for match, end in zip(headings, ends, strict=False)
        ),
    )


def note_passages(document: SourceDocument) -> list[Passage]:
    """The paragraphs of a note, in order; DataError when there is none."""
    _, body = _front_matter(document.name, document.text)
    passages = [
        Passage(
            document_id=document.id,
            name=document.name,
            title=document.title,
            text=match.group(),
            start=match.start(),
            end=match.end(),
            section=document.section_at(match.start()),
            citations=tuple(find_citations(match.group())),
            dois=tuple(find_dois(match.group())),
        )
        for match in _PARAGRAPH.finditer(document.text, body)
        if not match.group().startswith("#")
    ]
    if not passages:
        raise DataError(
            f"The note {document.name} has no paragraph.", hint="Write at least one sentence with its source."
        )
    return passages


def split_note(note_id: str, text: str) -> list[Passage]:
    """The paragraphs of a note with their offsets in its whole text, front matter included; DataError when malformed."""
    return note_passages(note_document(note_id, text))


@lru_cache(maxsize=1)
def built_in_documents() -> tuple[SourceDocument, ...]:
    """The notes that ship with matsmith, by name."""
    return tuple(note_document(name, text) for name, text in sorted(note_texts().items()))


def note_texts() -> dict[str, str]:
    """The files of the notes: name -> Markdown."""
    folder = resources.files("matsmith.knowledge").joinpath("notes")
    return {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".md")
    }


def _front_matter(note_id: str, text: str) -> tuple[dict[str, str], int]:
    header = _HEADER.match(text)
    fields: dict[str, str] = (
        dict(re.findall(r"^(\w+):[ \t]*(.+?)[ \t]*$", header.group(1), flags=re.MULTILINE)) if header else {}
    )
    if header is None or "title" not in fields:
        raise DataError(
            f"The note {note_id} has no front matter with a title.",
            hint="Start it with ---, title: ..., ---.",
        )
    return fields, header.end()
