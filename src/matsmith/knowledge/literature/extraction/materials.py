"""Materials in text: formulas with doping and variables, named compounds, minerals, alloys, shorthand, elements."""

from __future__ import annotations

import re
from dataclasses import dataclass

from matsmith.core.elements import SYMBOLS, is_element
from matsmith.core.errors import SpecError
from matsmith.knowledge.formulas import reduced_key
from matsmith.knowledge.literature.extraction.compound_names import (
    ELEMENT_NAME,
    ELEMENTS,
    MINERAL,
    NAMED_COMPOUND,
    SHORTHAND,
    STABILISED,
    formula_of_name,
)


@dataclass(frozen=True, kw_only=True)
class Material:
    """A material as it is written. `formula` is its reduced formula, "" when the name has none or it holds variables."""

    name: str
    formula: str
    start: int
    end: int


_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₓ₋", "0123456789x−")
_SYMBOL = "|".join(sorted(SYMBOLS, key=len, reverse=True))
_AMOUNT = r"(?:\d+(?:\.\d+)?(?:[−–+-][xyδ](?![a-z]))?|[xyδ](?![a-z])|(?<=[a-z)])[−–-]δ)?"
# Organic cations of halide perovskites stand where an element would.
_CATION = r"(?:MA|FA|PEA|BA)(?=[A-Z])"
_UNIT = rf"(?:(?:{_SYMBOL}){_AMOUNT}|\((?:(?:{_SYMBOL}){_AMOUNT}[,·]?)+\){_AMOUNT})"
_FORMULA = rf"(?:{_CATION})?{_UNIT}+"
_DASHED = rf"{_FORMULA}(?:[–-](?:\d+(?:\.\d+)?)?{_FORMULA})*"
_WORD = re.compile(rf"(?<![\w.])(?:{_DASHED})(?![\w])")
_PHASE = re.compile(
    r"(?:(?:[αβγδεζηθκλω]|[0-9]{1,2}[HCRTM]|[cht])[-−–]|\b(?:cubic|hexagonal|tetragonal|orthorhombic|monoclinic|rhombohedral|"
    r"amorphous|fused|wurtzite|rutile|anatase|zinc[- ]?blende|rock[- ]?salt|spinel|garnet|perovskite|half-Heusler|cordierite|"
    r"monolayer|bulk|pure|graphitic|polycrystalline|single-crystal(?:line)?|n-type|p-type|nanocrystalline|layered|Li-rich)\s)$",
    re.IGNORECASE,
)
_DOPED = re.compile(rf"(?:\b(?:(?:{_SYMBOL}|{'|'.join(ELEMENTS)})[,/]?\s?(?:and\s)?)+[- ](?:co-?)?doped\s)$")
_ALLOY = re.compile(
    r"(?<![\w.])(?:(?:[A-Z][a-z]?)(?:-\d{1,2}(?:\.\d)?[A-Z][a-z]?)+|(?:Inconel|Hastelloy|Incoloy|Nimonic|Zircaloy|Invar|"
    r"Haynes|Rene|Stellite|AISI)[ -]?\d*[A-Z]?|[2-8]\d{3}(?:-T\d+|(?= alloy| aluminium| aluminum))|(?:AZ|AM|ZK|WE)\d{2}[A-E]?|"
    r"316L|304L?|(?:MIL|UiO|ZIF|MOF|HKUST|COF|PCN|NU)-\d+[A-Z]?|\d?Y-TZP)(?![\w])"
)
_SHORT = re.compile(
    rf"(?<![\w-])(?:{'|'.join(sorted(map(re.escape, SHORTHAND), key=len, reverse=True))})(?![\w])"
)
# Two and more capital letters that are elements and yet name compounds; all other such words are abbreviations.
_CAPITAL_COMPOUNDS = frozenset({"BN", "BP", "WC", "VC", "VN", "VB", "UN", "UC", "UB", "YN", "YB", "WB", "WN", "KF", "KI", "KH", "HF", "SiC", "WS", "YP", "US", "UP"})  # fmt: skip
_AMBIGUOUS = frozenset(
    [
        "H",
        "B",
        "C",
        "N",
        "O",
        "F",
        "P",
        "S",
        "K",
        "V",
        "Y",
        "I",
        "W",
        "U",
        "As",
        "At",
        "Be",
        "He",
        "In",
        "No",
        "Am",
        "Es",
        "Pa",
        "Ho",
        "Os",
        "La",
        "Ne",
        "Do",
        "Re",
        "Pm",
        "Tc",
        "Co",
        "Sc",
        "Er",
        "Th",
        "Cs",
    ]
)
_SURELY_AMBIGUOUS = _AMBIGUOUS - {"Co", "W", "Os", "Re", "La", "Be"}
# After an element's name or symbol these say what it does in a material, not that it is the material.
_PART_OF = re.compile(
    r"[- ]?(?:\s?\d[spdf]\b|\s?(?:ions?|atoms?|vacanc(?:y|ies)|interstitials?|diffusion|transport|migration|conduct\w+|content|source|"
    r"anode|metal anode|doping|dopants?|substitution|sites?|sublattice|layers?|electrodes?|cells?|concentration|deficien\w+|"
    r"excess|loss|partial|levels?|evolution|reduction|lone pairs?|states?|bands?|octahedra|tetrahedra|chains?|fuel|gas|atmosphere|flow|plating|foil|target|K-edge|edge)\b|[- ](?:free|based|rich|containing|doped)|[+²³⁺]|/)",
)
_NOT_BEFORE = re.compile(
    r"(?:%\s?|\b(?:layers?|planes?|sheets?|atoms?|ions?|content|amounts?|chains?|excess) of\s|vs\.?\s(?:Li/)?|versus\s(?:Li/)?|/|\b(?:liquid|boiling point of|in|under|flowing|next to|against|(?:intercalat|insert|extract|releas|absorb|adsorb|host|stor|contain)\w*) )$"
)
_PROPERTY_SYMBOL = re.compile(
    r"(?:[KBGCE]0'?|T[Cc]|E[gas]|H[vV]|K[TS]|Hf|ZT|III|II|IV|VI|VB|CB|Ref|d33|Pa|SI|No|In|At|As|He|Be|I|V)"
)
_SHARE = re.compile(r"%\s?$")
_IN_COMPOUND = re.compile(r"\s?(?:in|into|through|of)\s")


def find_materials(text: str) -> list[Material]:
    """The materials of a text in order, without overlaps; the longest reading wins.

    >>> [m.name for m in find_materials("Ta-doped Li7La3Zr2O12, α-Al2O3 and barium titanate on Ti-6Al-4V at 300 K")]
    ['Ta-doped Li7La3Zr2O12', 'α-Al2O3', 'barium titanate', 'Ti-6Al-4V']
    """
    plain = text.translate(_SUBSCRIPTS)
    found: list[Material] = []
    for pattern in (STABILISED, NAMED_COMPOUND, _ALLOY, _SHORT, MINERAL):
        found.extend(
            _named(plain, match)
            for match in pattern.finditer(plain)
            if not _SHARE.search(plain[max(0, match.start() - 6) : match.start()])
        )
    found.extend(_formulas(plain))
    found.extend(_element_names(plain))
    found.sort(key=lambda material: (material.start, -material.end))
    kept: list[Material] = []
    for material in sorted(found, key=lambda material: material.start - material.end):
        if all(material.end <= other.start or material.start >= other.end for other in kept):
            kept.append(material)
    kept.sort(key=lambda material: material.start)
    return _merge_appositions(plain, kept)


def formula_key(name: str) -> str:
    """The reduced formula of a material's name; "" when it has none.

    >>> formula_key("rutile TiO2"), formula_key("LLZO"), formula_key("Ga1-xMnxAs")
    ('O2Ti', 'La3Li7O12Zr2', '')
    """
    bare = name.translate(_SUBSCRIPTS)
    known = formula_of_name(bare) or formula_of_name(bare.split()[-1] if bare.split() else bare)
    if not known:
        last = bare.split()[-1] if bare.split() else bare
        known = re.sub(r"^(?:[αβγδεζηθκλω]|[0-9]{1,2}[HCRTM]|[cht])[-−–]", "", last)
    try:
        return reduced_key(known)
    except SpecError:
        return ""


def _named(text: str, match: re.Match[str]) -> Material:
    start = match.start()
    before = _PHASE.search(text[:start])
    if before and before.group().strip().casefold() in ("cubic", "hexagonal", "amorphous", "monolayer"):
        start = before.start()
    name = text[start : match.end()]
    return Material(name=name, formula=formula_key(match.group()), start=start, end=match.end())


def _formulas(text: str) -> list[Material]:
    found: list[Material] = []
    for match in _WORD.finditer(text):
        word, start, end = match.group(), match.start(), match.end()
        if word.startswith("(") and word.endswith(")") and word.count("(") == 1:
            word, start, end = word[1:-1], start + 1, end - 1  # the sentence's brackets
        if not _is_material(word, text, start, end):
            continue
        for lead in (_PHASE, _DOPED):
            before = lead.search(text[:start])
            if before and before.group() not in ("at ", "of "):
                start = before.start()
        found.append(Material(name=text[start:end].strip(), formula=formula_key(word), start=start, end=end))
    return found


def _is_material(word: str, text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 20) : start], text[end : end + 24]
    if re.search(r"\d\s?$", before):  # 300 K, 5 V
        return False
    if not any(character.isdigit() for character in word) and word.isupper() and len(word) > 1:
        return word in _CAPITAL_COMPOUNDS
    if re.search(r"space groups? $", before) or re.match(r"[/_]", after):
        return False
    if re.match(r"(?:[ -]type)?(?: crystal)? structure\b", after) and re.search(r"\bthe (?:\w+ )?$", before):
        return False  # a structure type, not the compound it is named after
    if is_element(word):
        return _element_symbol(word, before, after)
    if _PROPERTY_SYMBOL.fullmatch(word) or re.fullmatch(r"[KBGCEHTSI][0-9]", word):
        return False
    if after.startswith("-") and after[1:5] == "doped":
        return False
    return not _NOT_BEFORE.search(before) or not is_element(word)


def _element_symbol(word: str, before: str, after: str) -> bool:
    if (
        _PART_OF.match(after)
        or _NOT_BEFORE.search(before)
        or re.match(r"[-–][a-z]|['’]|\s?[=≈]|\.\s?[a-z]", after)
    ):
        return False
    if word not in _AMBIGUOUS:
        return True
    in_list = re.match(r"\s?(?:,|;|and\b|or\b|\()\s?", after) and re.search(
        r"(?:,|;|\band|\bor|\bof|\bfor)\s$", before
    )
    if word in _SURELY_AMBIGUOUS:
        # A single letter is a material only where others of its kind stand around it.
        return bool(
            re.search(r"(?:\b[A-Z][a-z]?\d* and|[A-Za-z0-9]; )\s?$", before)
            or (in_list and re.search(r"\d eV;\s$|[A-Z][a-z]?\d*, $", before))
        )
    return bool(in_list or re.search(r"(?:\b(?:of|for|in|and|than|pure)|[;,])\s$", before))


def _element_names(text: str) -> list[Material]:
    found: list[Material] = []
    for match in ELEMENT_NAME.finditer(text):
        after, before = text[match.end() : match.end() + 24], text[max(0, match.start() - 24) : match.start()]
        if _PART_OF.match(after) or _NOT_BEFORE.search(before):
            continue
        if _IN_COMPOUND.match(after) and re.match(r"\s?(?:in|into|through)\s\S*[A-Z]", after):
            continue
        if match.group().casefold() in ("lead", "tin") and not re.search(
            r"\b(?:of|for|metallic|pure)\s$", before
        ):
            continue
        found.append(
            Material(
                name=match.group(),
                formula=ELEMENTS[match.group().casefold()],
                start=match.start(),
                end=match.end(),
            )
        )
    return found


def _merge_appositions(text: str, materials: list[Material]) -> list[Material]:
    """`Tantalum carbide, TaC,` and `alumina (Al2O3)` are one material: the second name stays out, its formula is kept."""
    kept: list[Material] = []
    for material in materials:
        if kept:
            last = kept[-1]
            between = text[last.end : material.start]
            same = bool(last.formula) and last.formula == material.formula and last.name != material.name
            if same and between in (" (", ", ", " "):
                kept[-1] = Material(
                    name=material.name if _is_formula_name(material.name) else last.name,
                    formula=last.formula,
                    start=last.start,
                    end=material.end,
                )
                continue
        kept.append(material)
    return kept


def _is_formula_name(name: str) -> bool:
    return bool(re.search(r"[A-Z][a-z]?\d|[A-Z][a-z]?[A-Z]", name))
