"""What the literature wing speaks: a document with its whole text, and passages that are exact pieces of it.

Every offset is a character offset into `SourceDocument.text`, which is normalised once, when the document is read, and never
changed afterwards: `passage.text == document.text[passage.start:passage.end]` always holds and can always be checked.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

DocumentKind = Literal["note", "pdf", "html", "jats", "markdown", "text", "bibtex"]
PassageKind = Literal["text", "table"]

_ID_DIGITS = 16
_LIGATURES = {"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"}
# Letters that show nothing and yet are no format characters: fillers, blanks and variation selectors.
_BLANK_LETTERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
# Everything that `normalise_text` may have to touch; plain text skips the slow path.
_PLAIN = re.compile(r"[\n\t\x20-\x7e]*")
_DOI = re.compile(r"10\.\d{4,9}/[^\s\"'<>{}|\\^`]+", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class PageSpan:
    """A page of a document, counted from 1, and its place in the text."""

    number: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class SectionSpan:
    """A section: its heading and the stretch of text under it, down to the next heading."""

    title: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its cells; in the text it stands as one row a line, cells separated by ` | `, its caption before it."""

    caption: str
    rows: tuple[tuple[str, ...], ...]
    start: int
    end: int
    page: int | None = None


@dataclass(frozen=True, kw_only=True)
class SourceDocument:
    """A paper, note or page that was read. `id` is a hash of `text`; `doi` is lower case, "" when unknown.

    `path` is the file it came from, a name for built-in notes; `warnings` say what could not be read of it. `retracted` is None
    until somebody asked a service that knows.
    """

    id: str
    title: str
    authors: tuple[str, ...]
    year: int | None
    doi: str
    kind: DocumentKind
    path: str
    retracted: bool | None
    text: str
    pages: tuple[PageSpan, ...] = ()
    tables: tuple[Table, ...] = ()
    sections: tuple[SectionSpan, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path, without the ending of a note: how people refer to it in short."""
        last = self.path.replace("\\", "/").rsplit("/", 1)[-1]
        return last.removesuffix(".md") if self.kind == "note" else last

    @property
    def citation(self) -> str:
        """Author and year, as far as they are known, else the title: `Sun et al. 2016`."""
        if not self.authors:
            return f"{self.title} {self.year}" if self.year else self.title
        family = [_family_name(author) for author in self.authors]
        who = (
            family[0]
            if len(family) == 1
            else " & ".join(family)
            if len(family) == 2
            else f"{family[0]} et al."
        )
        return f"{who} {self.year}" if self.year else who

    def page_at(self, offset: int) -> int | None:
        """The page that a character stands on; None when the document has no pages."""
        found: int | None = None
        for page in self.pages:
            if page.start > offset:
                break
            found = page.number
        return found

    def section_at(self, offset: int) -> str:
        """The heading that a character stands under; "" above the first one."""
        found = ""
        for section in self.sections:
            if section.start > offset:
                break
            found = section.title
        return found

    def holds(self, passage: Passage) -> bool:
        """Whether the passage is this document's and its text stands at its offsets, character for character."""
        if passage.document_id != self.id or not 0 <= passage.start < passage.end <= len(self.text):
            return False
        return self.text[passage.start : passage.end] == passage.text


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A piece of a document: `text` is the document's characters from `start` to `end`.

    `name` and `title` are the document's; `citations` and `dois` are what the passage itself cites, in order; `score` is the
    ranking's (0 unranked), comparable only within one search.
    """

    document_id: str
    name: str
    title: str
    text: str
    start: int
    end: int
    page: int | None = None
    section: str = ""
    kind: PassageKind = "text"
    citations: tuple[str, ...] = ()
    dois: tuple[str, ...] = ()
    retracted: bool = False
    score: float = 0.0

    @property
    def id(self) -> str:
        """The document and the place in it: `3f2a...:120-480`."""
        return f"{self.document_id}:{self.start}-{self.end}"

    @property
    def note_id(self) -> str:
        """The name of the note, for passages of notes."""
        return self.name


def document_id(text: str) -> str:
    """The id of a document: a hash of its normalised text.

    >>> document_id("Spinels have space group Fd-3m.")
    'c5a78f895585a3b1'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]


def normalise_text(text: str) -> str:
    r"""A text as it is kept: composed letters, one kind of line end and of space, no ligatures, nothing that cannot be seen.

    Format characters (zero-width, direction, tags, soft hyphens), control characters and blank letters go, so that what
    a person sees is what a search and a model read. It is idempotent.

    >>> normalise_text("bulk\u00a0modu\u00adlus\r\nof \ufb01bres\u200b")
    'bulk modulus\nof fibres'
    """
    if _PLAIN.fullmatch(text):
        return text
    # Twice: removing a character can bring together letters that compose.
    return unicodedata.normalize("NFC", _visible(unicodedata.normalize("NFC", text)))


def _visible(text: str) -> str:
    text = _BLANK_LETTERS.sub("", _LINE_ENDS.sub("\n", text))
    return text.translate({ord(letter): _replacement(letter) for letter in set(text) if letter not in "\n\t"})


def _replacement(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in ("Cc", "Cf"):
        return ""
    if category == "Cs":
        return "\ufffd"
    if category == "Zs":
        return " "
    return _LIGATURES.get(letter, letter)


def clean_doi(text: str) -> str:
    """The first DOI of a text in lower case, without what punctuation a sentence adds to it; "" when there is none.

    >>> clean_doi("See https://doi.org/10.1002/ANIE.200701144).")
    '10.1002/anie.200701144'
    """
    match = _DOI.search(text)
    if match is None:
        return ""
    doi = match.group().lower()
    while doi and (doi[-1] in ".,;:]*" or (doi[-1] == ")" and doi.count(")") > doi.count("("))):
        doi = doi[:-1]
    return doi


def _family_name(author: str) -> str:
    """The family name of `Family, Given` or `Given Family`."""
    return author.split(",")[0].strip() if "," in author else (author.split() or [author])[-1]
