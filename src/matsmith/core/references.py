"""Numbers travel by reference: text names a number by its record, `{r:9f3c.bulk_modulus}`, and rendering fills it in.

`bare_numbers` finds what breaks that rule. A digit is no bare number when it stands

- in a reference;
- in a chemical formula of known elements (`Al2O3`, `LiNi0.8Mn0.1Co0.1O2`, `Fe3+`), or of the letters that stand for sites
  (`ABX3`, `LnO2`); one element alone takes at most 12 (`S8`, `B12`), so `K300` is a bare number;
- in the name of a structure: a space-group symbol (`Pm-3m`, `P6_3/mmc`), `space group 225`, a Strukturbericht or AFLOW label (`L1_2`,
  `AB_cF8_225_a_b`), a database id (`mp-1265`);
- in a name that counts: `round 2`, `candidate 9f3c`, `evidence 9f3c12ab`, `1st`, the marker of a
  numbered list; a unit behind it makes it a number again;
- in the power of a unit (`g/cm3`);
- in the name of a method, an orbital or a dimension (`MP2020`, `r2SCAN`, `sp3`, `3d`, `2D`).

Everything else is one, whatever the script its digits are written in. Counts in words are fine ("three oxides"), amounts in words are not ("two
hundred GPa").
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from matsmith.core.elements import is_element
from matsmith.core.errors import LedgerError


class UnknownReference(LedgerError):
    """A text refers to a record or a quantity that does not exist, or its reference is malformed."""


@dataclass(frozen=True)
class Reference:
    """A number by name: the first characters (at least four) of a record's id, and one of its quantities."""

    record_prefix: str
    quantity: str

    def __str__(self) -> str:
        return f"{{r:{self.record_prefix}.{self.quantity}}}"


_REFERENCE = re.compile(r"\{r:([0-9a-f]{4,64})\.([a-z][a-z0-9_]{0,63})\}")
_OPENING = re.compile(r"\{\s*r\s*:")
_MASK = "\ufffc"  # stands for what is allowed; no letter, so that digits beside it stay bare

_UNIT = (
    r"(?:[GMTkK]?Pa|m?eV|k?J|kcal|Ha|Ry|K|°\s?C|°|kelvin|%|per\s?cent|percent|Å\S*|nm|pm|USD|\$|€|g/\S+|kg\S*|W/\S+|S/\S+|m?V|T|"
    r"mol|gigapascals?|electron-?volts?|angstroms?)(?![A-Za-z0-9])"
)
_NOT_BEFORE_UNIT = rf"(?!\s*[-–]?\s*{_UNIT})"
_START = r"(?<![\w.\-+^])"
_END = r"(?![\w^])(?![.,]\d)"

_FORMULA = re.compile(r"(?<![\w.^])[A-Z(\[][A-Za-z0-9.()\[\]·]*(?:[+-](?!\w))?")
_FORMULA_PART = re.compile(r"([A-Z][a-z]?)(\d+\.\d+|\d*)|([(\[])|([)\]])(\d+\.\d+|\d*)|·")
_ALONE_BEFORE_UNIT = re.compile(rf"[A-Z][a-z]?\d+\s*[-–]?\s*{_UNIT}")
_LONGEST_FORMULA = 100
_SITE_LETTERS = frozenset({"A", "D", "L", "Ln", "M", "Q", "R", "T", "X", "Z"})

_NAMES = tuple(
    re.compile(pattern)
    for pattern in (
        # AFLOW label, Hermann-Mauguin symbol, Strukturbericht symbol, number of a space group, database id
        _START + r"(?:[A-Z]\d{0,2}){1,6}_[a-z][A-Z]\d{1,3}_\d{1,3}(?:_[a-z0-9]+){0,10}(?:-\d{3})?" + _END,
        _START + r"[PABCFIR](?:-?[1-46](?:_?[1-5])?(?:/[abcdemn])?|[abcdemn]){1,3}" + _END + _NOT_BEFORE_UNIT,
        _START + r"[A-L]\d{1,2}_\d{1,2}" + _END + _NOT_BEFORE_UNIT,
        r"(?i:space[ -]groups?)\s+(?:[Nn]o\.?\s*|#)?(?:2[0-2]\d|230|1\d\d|[1-9]\d?)" + _END + _NOT_BEFORE_UNIT,
        _START + r"mp-\d{1,8}" + _END,
        # names that count
        r"(?i:\b(?:rounds?|steps?|attempts?|ranks?|targets?|strategy|iterations?|generations?|stages?|figure|table|section))"
        r"\s+(?:[Nn]o\.?\s*|#)?\d{1,3}" + _END + _NOT_BEFORE_UNIT,
        r"(?i:\b(?:candidates?|parents?|records?|evidence))\s+(?:[Nn]o\.?\s*|#)?(?:\d{1,4}|(?=[0-9]*[a-f])[0-9a-f]{4,64})"
        + _END + _NOT_BEFORE_UNIT,
        _START + r"\d{1,3}(?:st|nd|rd|th)" + _END,
        r"(?m:^[ \t]*\d[.)](?=\s+\D))",
        # a unit that is the inverse of one
        r"(?<![\w.,/-])1/(?=(?:K|GPa|cm|°C)\b)",
        # the power in a unit that stands alone
        r"(?<![\w.])(?:k?g/c?m|J/c?m|Å|angstrom|MPa\*m)(?:\^|\*\*)?(?:0\.5|[23])" + _END,
        # methods, orbitals, dimensions
        _START + r"(?:MP2020|MP2020Compatibility|r2SCAN|R2SCAN|HSE06|B3LYP|D3|PBE0|sp2|sp3|sp3d2|t2g|[1-7][spdf]|[0-3][Dd])"
        + _END + _NOT_BEFORE_UNIT,
    )
)  # fmt: skip

_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?")
_WORD = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|"
    r"eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|half|hundred|thousand|million)"
)
_AMOUNT_IN_WORDS = re.compile(
    rf"(?i:\b{_WORD}(?:(?:\s+and)?[\s-]+(?:{_WORD}|point)){{0,12}})\s+"
    r"(?:[GM]Pa|m?eV|kelvin|%|per\s?cent|percent|gigapascals?|electron-?volts?|angstroms?)(?![A-Za-z])"
    # a decimal is never a count, whatever stands behind it
    rf"|(?i:\b{_WORD}\s+point\s+{_WORD}(?:[\s-]+{_WORD})*\b)"
)


def references(text: str) -> list[Reference]:
    """List the references in a text, in its order, repeats included.

    >>> references("K rises to {r:9f3c.bulk_modulus}.")
    [Reference(record_prefix='9f3c', quantity='bulk_modulus')]
    """
    return [Reference(match[1], match[2]) for match in _REFERENCE.finditer(text)]


def bare_numbers(text: str) -> list[str]:
    """List the numbers in a text that no reference backs, in its order; amounts in words come last.

    >>> bare_numbers("Al2O3 of round 2 reached 250 GPa, {r:9f3c.bulk_modulus} by its record")
    ['250']
    """
    masked = _REFERENCE.sub(_MASK, text)
    plain = unicodedata.normalize("NFKC", "".join(_fraction_apart(character) for character in masked))
    plain = plain.replace("\u2212", "-")
    for pattern in _NAMES:
        plain = pattern.sub(_MASK, plain)
    plain = _FORMULA.sub(_mask_formula, plain)
    found = _NUMBER.findall(plain)
    found += [character for character in plain if unicodedata.category(character) in ("Nl", "No")]
    return found + _AMOUNT_IN_WORDS.findall(plain)


def render(text: str, resolve: Callable[[Reference], str]) -> str:
    """Put what `resolve` returns in the place of each reference.

    Raises `UnknownReference` for a reference that is malformed, or for which `resolve` raises `KeyError` or `LedgerError`.

    >>> render("K = {r:9f3c.bulk_modulus}", lambda reference: "160 ± 9 GPa")
    'K = 160 ± 9 GPa'
    """
    broken = _OPENING.search(_REFERENCE.sub("", text))
    if broken:
        raise UnknownReference(
            "A text holds a malformed reference to a record.", hint="Write it like {r:9f3c.bulk_modulus}."
        )

    def fill(match: re.Match[str]) -> str:
        reference = Reference(match[1], match[2])
        try:
            return resolve(reference)
        except (KeyError, LedgerError) as problem:
            raise UnknownReference(
                f"No record answers to {reference}.", hint="Refer only to records and quantities of this run."
            ) from problem

    return _REFERENCE.sub(fill, text)


def _fraction_apart(character: str) -> str:
    """Keep a fraction such as ½ from melting into the digits before it when it is normalized."""
    return (
        f" {character} "
        if unicodedata.category(character) == "No" and "fraction" in unicodedata.decomposition(character)
        else character
    )


def _mask_formula(match: re.Match[str]) -> str:
    token = match[0]
    if len(token) > _LONGEST_FORMULA or _ALONE_BEFORE_UNIT.match(match.string, match.start()):
        return token
    start, end = 0, len(token)
    while start < end and not _is_formula(token[start:end]):
        # brackets and stops that belong to the sentence: "(MgO", "MgO)."
        if token[end - 1] in ".+-" or (token[end - 1] in ")]" and token[start] not in "(["):
            end -= 1
        elif token[start] in "([":
            start += 1
        else:
            return token
    return token[:start] + (_MASK if start < end else "") + token[end:]


def _is_formula(token: str) -> bool:
    charged = token[-1] in "+-"
    body = token[:-1] if charged else token
    depth = position = 0
    symbols: list[str] = []
    amounts: list[float] = []
    while position < len(body):
        part = _FORMULA_PART.match(body, position)
        if part is None:
            return False
        position = part.end()
        depth += (part[3] is not None) - (part[4] is not None)
        if depth < 0:
            return False
        if part[1]:
            symbols.append(part[1])
        amounts += [float(amount) for amount in (part[2], part[5]) if amount]
    real = [symbol for symbol in symbols if is_element(symbol)]
    sites = [symbol for symbol in symbols if not is_element(symbol)]
    if depth or not symbols or not all(symbol in _SITE_LETTERS for symbol in sites):
        return False
    if len(symbols) == 1:
        return bool(real) and all(amount <= 12 and amount == int(amount) for amount in amounts)
    return all(amount <= 200 for amount in amounts)
