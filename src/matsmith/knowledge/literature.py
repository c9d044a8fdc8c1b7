"""A small index of notes: paragraphs found by BM25, returned word for word with their place in the source.

Text is data here: nothing in a note is followed, fetched or executed. A passage can always be checked against its source,
because it carries its character offsets. Ranking is Okapi BM25 (Robertson & Zaragoza 2009, doi:10.1561/1500000019)
through bm25s, with a tokenizer that keeps formulas, space groups and numbers with units whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any

from matsmith.core.errors import DataError, UsageError

_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_ELEMENTS = (
    "A[cglmrstu]|B[aeikr]?|C[adeflmorsu]?|D[y]|E[rsu]|F[emr]?|G[ade]|H[efgo]?|I[nr]?|Kr?|L[airu]|M[dgno]|N[abdeiop]?|"
    "O[s]?|P[abdmortu]?|R[abehnu]|S[bcegimnr]?|T[abcehilm]|U|V|W|Xe|Yb?|Z[nr]"
)
_FORMULA = re.compile(rf"(?:\(?(?:{_ELEMENTS})\d*(?:\.\d+)?\)?\d*(?:\.\d+)?)+")
_SPACE_GROUP = re.compile(
    r"[PIFCABR]-?[1-6](?:_[1-5]|[1-5])?(?:/?[mnabcd1-6-]{1,6})?|[PIFCR][mnabcd]-?3[mnc]?|"
    r"Pnma|Pbnm|Pmma|Pnna|Pmna|Pcca|Pbam|Pccn|Pbcm|Pnnm|Pmmn|Pbcn|Pbca|Pnnn|Pccm|Pban|Pmmm|Cmcm|Cmce|Cmca|Cmmm|"
    r"Fmmm|Fddd|Immm|Ibam|Ibca|Imma"
)
_UNITS = (
    "meV/atom",
    "eV/atom",
    "kJ/mol",
    "g/cm3",
    "S/cm",
    "W/mK",
    "GPa",
    "MPa",
    "kPa",
    "meV",
    "keV",
    "eV",
    "nm",
    "K",
    "%",
    "V",
    "C",
)
_QUANTITY = re.compile(
    rf"(?<![\w.])(\d+(?:\.\d+)?(?:e-?\d+)?)\s?({'|'.join(map(re.escape, _UNITS))})(?![\w/])"
)
_CHUNK = re.compile(r"[^\s,;:!?\"'“”‘’\[\]{}<>=|]+")
_WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?")
_DOI = re.compile(r"doi:(10\.\d{4,9}/[^\s;,]+)")
_STOPWORD_TEXT = """
a about above after all also an and any are as at be because been below between both but by can could do
does each find for from get give given has have how i if in into is it its just like make makes many may
me more most much must my no not of on one only or other our out over please should show so some such
than that the their them then there these they this those to too under up use used using very want was we
were what when where which while who why will with would you your doi et al
"""
_STOPWORDS = frozenset(_STOPWORD_TEXT.split())


@dataclass(frozen=True, kw_only=True)
class Passage:
    """A paragraph of a note: `text` is the source's characters from `start` to `end`; `score` is BM25's (0 unranked)."""

    note_id: str
    title: str
    text: str
    start: int
    end: int
    citations: tuple[str, ...]
    dois: tuple[str, ...]
    score: float = 0.0


class LiteratureIndex:
    """Notes, cut into paragraphs and indexed in memory."""

    def __init__(self, notes: Mapping[str, str]) -> None:
        """Index notes given as id -> Markdown text with front matter; DataError when one has no title or no paragraph."""
        self._sources = dict(notes)
        self._passages = tuple(
            p for note_id, text in sorted(notes.items()) for p in split_note(note_id, text)
        )
        if not self._passages:
            raise DataError("There are no notes to index.", hint="Give at least one note.")
        import bm25s

        library: Any = bm25s
        self._tokens = [tokenize(f"{p.title} {p.text}") for p in self._passages]
        self._ranker: Any = library.BM25(method="lucene")
        self._ranker.index(self._tokens, show_progress=False)

    @classmethod
    def built_in(cls) -> LiteratureIndex:
        """The index of the notes that ship with matsmith; built once per process."""
        return _built_in()

    @property
    def passages(self) -> tuple[Passage, ...]:
        """Every passage, by note id and place."""
        return self._passages

    def search(self, query: str, *, limit: int = 5) -> list[Passage]:
        """The best passages for a query, best first, each with its score.

        A passage that shares no term with the query is not returned, so the list may be short or empty. UsageError when
        `limit` is below 1.
        """
        if limit < 1:
            raise UsageError(f"The limit is {limit}.", hint="Ask for at least one passage.")
        wanted = sorted(set(tokenize(query)))
        if not wanted:
            return []
        scores = [float(score) for score in self._ranker.get_scores(wanted)]
        terms = set(wanted)
        hits = [index for index, tokens in enumerate(self._tokens) if not terms.isdisjoint(tokens)]
        hits.sort(key=lambda index: (-scores[index], index))
        return [replace(self._passages[index], score=scores[index]) for index in hits[:limit]]

    def verify_quote(self, passage: Passage) -> bool:
        """Whether the passage's text stands at its offsets in this index's source, character for character."""
        source = self._sources.get(passage.note_id)
        return source is not None and _stands_at(source, passage)


def verify_quote(passage: Passage) -> bool:
    """Whether a passage stands at its offsets in the built-in note it names, which is read again from its file."""
    source = _note_texts().get(passage.note_id)
    return source is not None and _stands_at(source, passage)


def split_note(note_id: str, text: str) -> list[Passage]:
    """The paragraphs of a note with their offsets in its whole text, front matter included; DataError when malformed."""
    header = re.match(r"---\n(.*?)\n---\n", text, flags=re.DOTALL)
    fields = (
        dict(re.findall(r"^(\w+):[ \t]*(.+?)[ \t]*$", header.group(1), flags=re.MULTILINE)) if header else {}
    )
    if header is None or "title" not in fields:
        raise DataError(
            f"The note {note_id} has no front matter with a title.",
            hint="Start it with ---, title: ..., ---.",
        )
    passages = [
        Passage(
            note_id=note_id,
            title=fields["title"],
            text=match.group(),
            start=match.start(),
            end=match.end(),
            citations=tuple(_citations(match.group())),
            dois=tuple(_dois(match.group())),
        )
        for match in re.compile(r"\S(?:[^\n]|\n(?=[^\n\S]*\S))*").finditer(text, header.end())
        if not match.group().startswith("#")
    ]
    if not passages:
        raise DataError(
            f"The note {note_id} has no paragraph.", hint="Write at least one sentence with its source."
        )
    return passages


def tokenize(text: str) -> list[str]:
    """Search terms of a text, in order; formulas, space groups and quantities stay whole and keep their case.

    >>> tokenize("Cobalt-free LiNi0.8Mn0.1Co0.1O2 cathodes")
    ['cobalt', 'free', 'LiNi0.8Mn0.1Co0.1O2', 'cathode']
    >>> tokenize("Pm-3m above 250 GPa")
    ['Pm-3m', '250gpa', 'gpa']
    """
    text = _DOI.sub(" ", text).translate(_SUBSCRIPTS)
    tokens: list[str] = []
    position = 0
    for match in _QUANTITY.finditer(text):
        tokens.extend(_tokens_between(text[position : match.start()]))
        unit = match.group(2).lower()
        tokens.append(match.group(1) + unit)
        if len(unit) > 1:
            tokens.append(unit)
        position = match.end()
    return tokens + _tokens_between(text[position:])


def _tokens_between(text: str) -> list[str]:
    tokens: list[str] = []
    for chunk in _CHUNK.findall(text):
        bare = _without_outer_brackets(chunk)
        if is_formula(bare):
            tokens.append(bare)
        elif _SPACE_GROUP.fullmatch(bare) and len(bare) > 2:
            tokens.append(bare.replace("_", ""))
        else:
            for part in bare.split("-"):
                tokens.extend([part] if is_formula(part) else _words(part))
    return tokens


def _without_outer_brackets(chunk: str) -> str:
    """A chunk without its final stop and without brackets that are the sentence's: those unmatched or around it all."""
    bare = chunk.rstrip(".")
    if bare.startswith("(") and bare.endswith(")") and bare.count("(") == 1:
        bare = bare[1:-1]
    if bare.count("(") > bare.count(")"):
        bare = bare.removeprefix("(")
    if bare.count(")") > bare.count("("):
        bare = bare.removesuffix(")")
    return bare.rstrip(".")


def _words(text: str) -> list[str]:
    words = (_singular(word) for word in _WORD.findall(text.lower()))
    return [word for word in words if word not in _STOPWORDS and (len(word) > 1 or word.isdigit())]


def is_formula(text: str) -> bool:
    """Whether a word reads as a chemical formula: only element symbols and amounts, at least two elements or an amount.

    >>> [is_formula(word) for word in ("SiO2", "NaCl", "CO", "In", "Cu2ZnSnS4", "Hard", "U3O8")]
    [True, True, True, False, True, False, True]
    """
    if not _FORMULA.fullmatch(text):
        return False
    symbols = re.findall(_ELEMENTS, text)
    return len(symbols) > 1 or any(character.isdigit() for character in text)


def _singular(word: str) -> str:
    """A word without its plural ending; words that only look plural (glass, basis, gas) stay."""
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return {"moduli": "modulus"}.get(word, word)
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zes")):
        return word[:-2]
    return word[:-1]


def _dois(text: str) -> list[str]:
    """The DOIs of a text; a bracket that closes the citation is no part of one, those inside old DOIs are."""
    found = [doi.rstrip(".") for doi in _DOI.findall(text)]
    return [doi.removesuffix(")") if doi.count(")") > doi.count("(") else doi for doi in found]


def _citations(text: str) -> list[str]:
    """Author and year of each citation, `(Sun et al. 2016, doi:...; Teter 1998, doi:...)`, in order."""
    return [found.strip() for found in re.findall(r"(?:\(|; )([^();]*?\b\d{4}), doi:", text)]


def _stands_at(source: str, passage: Passage) -> bool:
    if not 0 <= passage.start < passage.end <= len(source):
        return False
    return source[passage.start : passage.end] == passage.text


def _note_texts() -> dict[str, str]:
    folder = resources.files("matsmith.knowledge").joinpath("notes")
    return {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".md")
    }


@lru_cache(maxsize=1)
def _built_in() -> LiteratureIndex:
    return LiteratureIndex(_note_texts())
