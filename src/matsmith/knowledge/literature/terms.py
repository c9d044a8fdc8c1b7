"""The terms by which passages are indexed and searched: words in one spelling, and one key for every way to write a formula."""

from __future__ import annotations

from functools import lru_cache

from matsmith.core.errors import SpecError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.literature.tokenizer import is_formula, tokenize

_ONE_SPELLING = {
    "aluminum": "aluminium",
    "cesium": "caesium",
    "sulphur": "sulfur",
    "sulphide": "sulfide",
    "sulphate": "sulfate",
    "vapour": "vapor",
    "behaviour": "behavior",
    "colour": "color",
    "modelling": "modeling",
    "bandgap": "gap",
    "wolfram": "tungsten",
}


def index_terms(text: str) -> list[str]:
    """The terms of a text, in order; a formula is followed by its key where that is written otherwise.

    >>> index_terms("TiBaO3 and aluminum")
    ['TiBaO3', '=BaO3Ti', 'aluminium']
    >>> "=BaO3Ti" in index_terms("Ba2Ti2O6")
    True
    """
    terms: list[str] = []
    for token in tokenize(text):
        terms.append(_ONE_SPELLING.get(token, token))
        if token[:1].isupper():
            key = _formula_key(token)
            if key:
                terms.append(key)
    return terms


@lru_cache(maxsize=50_000)
def _formula_key(token: str) -> str:
    if not is_formula(token):
        return ""
    try:
        return "=" + reduced_key(token)
    except SpecError:
        return ""
