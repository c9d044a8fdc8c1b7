"""Search terms of a text: words without endings, and formulas, space groups and quantities kept whole."""

from __future__ import annotations

import re

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
