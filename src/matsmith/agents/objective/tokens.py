"""The words, numbers and signs of an objective, each with its place in the text as it was written."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from matsmith.agents.objective.space_groups import space_group_number

# One character for one, so that offsets into the text stay true.
_SAME = str.maketrans(
    {
        **dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)),
        **dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True)),
        **dict.fromkeys("‐‑‒–—―−⁻", "-"),
        **dict.fromkeys("’‘ʼ´`", "'"),
        **dict.fromkeys("“”„«»", '"'),
        "\u212b": "Å",
        "\u00b5": "μ",
        "×": "x",
        "·": "*",
        "⋅": "*",
        "⩾": "≥",
        "≧": "≥",
        "⩽": "≤",
        "≦": "≤",
        "≃": "≈",
        "∼": "~",
        "\u00a0": " ",
        "\u2009": " ",
        "\u202f": " ",
        "\u00ad": "-",
    }
)

_ELEMENT = r"[A-Z][a-z]?(?:\d+(?:\.\d+)?)?"
_TOKEN = re.compile(
    r"""(?P<number>(?<![A-Za-z\d])(?:
            \d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,]*\d)          # 1,200 or 12,000.5
          | \d{1,3}(?:\.\d{3})+,\d+                           # 1.200,5
          | [1-9]\d{0,2}(?:[ ]\d{3})+(?![\d.,]*\d)            # 1 200
          | (?:\d+[.,]\d+|\.\d+|\d+)(?:[eE][+-]?\d{1,3}(?![A-Za-z\d]))?
        ))
      | (?P<formula>(?:ELEMENT|\((?:ELEMENT)+\)\d+)+(?!\w|'\w))
      | (?P<word>[wW]/[oO](?!\w)|[^\W\d_](?:\w|'(?=\w))*)
      | (?P<sign><=|>=|=<|=>|\.\.\.?|\*\*|\S)""".replace("ELEMENT", _ELEMENT),
    re.VERBOSE,
)
_SYMMETRY = re.compile(r"(?<![A-Za-z\d])[PCIFRA][-1-6a-emn/_]+(?![A-Za-z\d])")


class Kind(StrEnum):
    """What a token looks like; what it means is for the rules to say."""

    NUMBER = "number"
    FORMULA = "formula"
    SYMMETRY = "symmetry"
    WORD = "word"
    SIGN = "sign"


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of the text: `text` with its signs made uniform, `low` in lower case, and its offsets."""

    text: str
    low: str
    kind: Kind
    start: int
    end: int

    @property
    def is_number(self) -> bool:
        """Whether it is written in digits."""
        return self.kind is Kind.NUMBER


def uniform(text: str) -> str:
    """Return the text with dashes, quotes, sub- and superscripts made uniform; the length stays.

    >>> uniform("TiO₂ – 4 g/cm³")
    'TiO2 - 4 g/cm3'
    """
    return text.translate(_SAME)


def tokenize(text: str) -> list[Token]:
    """Split a text, made `uniform` before, into tokens.

    >>> [token.text for token in tokenize("cobalt-free LiFePO4 (gap >= 1.5 eV)")]
    ['cobalt', '-', 'free', 'LiFePO4', '(', 'gap', '>=', '1.5', 'eV', ')']
    """
    tokens: list[Token] = []
    position = 0
    while match := _TOKEN.search(text, position):
        kind = Kind(str(match.lastgroup))
        symmetry = _SYMMETRY.match(text, match.start())
        if symmetry and space_group_number(symmetry[0], certain=True):
            match, kind = symmetry, Kind.SYMMETRY
        tokens.append(
            Token(text=match[0], low=match[0].lower(), kind=kind, start=match.start(), end=match.end())
        )
        position = match.end()
    return tokens


def read_digits(text: str) -> float:
    """Return the value of a number token: `1,200` and `1 200` are thousands, `1,5` has a decimal comma.

    >>> [read_digits(text) for text in ("1,200", "1 200", "1,5", "0,005", "1.200,5", "1e3")]
    [1200.0, 1200.0, 1.5, 0.005, 1200.5, 1000.0]
    """
    text = text.replace(" ", "")
    if re.fullmatch(r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?", text):
        return float(text.replace(",", ""))
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+,\d+", text):
        return float(text.replace(".", "").replace(",", "."))
    return float(text.replace(",", "."))
