"""Numbers as papers print them: 1,200; 3.4(2); 8.1 × 10−4; 10^-4; 1.88 ± 0.03; and the spans they stand in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from matsmith.knowledge.literature.extraction.units import unit_at

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻−–", "0123456789+---")
_RAISED = "[⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+"
_NUMBER = re.compile(
    rf"""
    (?<![\w.^/_@])(?P<sign>(?<![\w)\]])[+−–-])?
    (?:
      10(?:\^\{{?(?P<power>[−–-]?\d{{1,3}})\}}?|(?P<raised>{_RAISED})|(?P<flat>−\d{{1,2}})(?![\d.]))
    |
      (?P<mantissa>\d{{1,3}}(?:,\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)
      (?:\((?P<last>\d{{1,3}})\))?
      (?:\s?(?:±|\+/-)\s?(?P<sigma>\d+(?:\.\d+)?))?
      \)?
      (?:
        [eE](?P<e>[−+-]?\d{{1,3}})(?![\d.])
      | \s?[×x·⋅*]\s?10(?:\^\{{?(?P<times>[−–+-]?\d{{1,3}})\}}?|(?P<times_raised>{_RAISED})|(?P<times_flat>[−–-]?\d{{1,2}})(?![\d.]))
      )?
    )
    """,
    re.VERBOSE,
)
# Numbers that name something: figures, references, space groups, chemical notation of the sentence.
_LABEL_BEFORE = re.compile(
    r"(?:\b(?:Figs?|Tables?|Eqs?|Refs?|Sections?|No|Sec|Chap|Vol|pp?|samples?|steps?)\.?\s?|\[)$",
    re.IGNORECASE,
)
# Beyond these nothing is a quantity of a material.
_LARGEST_EXPONENT, _MOST_DIGITS = 60, 40
_YEAR = re.compile(r"(?:1[89]|20)\d\d")


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number and where it stands; `sigma` is the uncertainty printed with it, 0 when there is none."""

    value: float
    sigma: float
    start: int
    end: int
    decimals: int

    @property
    def rounding(self) -> float:
        """Half a unit of the last digit printed: what rounding alone leaves open."""
        return 0.5 * 10.0 ** (-self.decimals)


def find_numbers(text: str) -> Iterator[Number]:
    """Yield the numbers of a text from left to right; those that only label something are left out.

    >>> [(n.value, n.sigma) for n in find_numbers("8.1 × 10^-4, 1.88 ± 0.03, 258(3), 12,000 and 1.1 × 10⁴")]
    [(0.00081, 0.0), (1.88, 0.03), (258.0, 3.0), (12000.0, 0.0), (11000.0, 0.0)]
    """
    for match in _NUMBER.finditer(text):
        number = _read(match, text)
        if number is not None:
            yield number


def _read(match: re.Match[str], text: str) -> Number | None:
    sign = -1.0 if match["sign"] and match["sign"] != "+" else 1.0
    end = match.end()
    if match["mantissa"] is None:
        exponent = _integer(match["power"] or match["raised"] or match["flat"])
        if abs(exponent) > _LARGEST_EXPONENT:
            return None
        return Number(
            value=sign * 10.0**exponent, sigma=0.0, start=match.start(), end=end, decimals=-exponent
        )
    if text[match.start() : end].endswith(")") and "(" not in text[match.start() : end]:
        end -= 1  # a bracket closes a mantissa with its error, (8.1 ± 0.2) × 10−4; any other belongs to the sentence
    if _LABEL_BEFORE.search(text[max(0, match.start() - 12) : match.start()]):
        return None
    mantissa = match["mantissa"].replace(",", "")
    if _YEAR.fullmatch(mantissa) and _is_year(text, match.start(), end):
        return None
    decimals = len(mantissa.partition(".")[2])
    written = match["e"] or match["times"] or match["times_raised"] or match["times_flat"]
    exponent = _integer(written) if written else 0
    if abs(exponent) > _LARGEST_EXPONENT or len(mantissa) > _MOST_DIGITS:
        return None
    sigma = float(f"{match['sigma']}e{exponent}") if match["sigma"] else 0.0
    if match["last"]:
        sigma = float(f"{match['last']}e{exponent - decimals}")
    value = sign * float(f"{mantissa}e{exponent}")
    return Number(
        value=value,
        sigma=sigma,
        start=match.start(),
        end=end,
        decimals=decimals - exponent,
    )


def _integer(text: str) -> int:
    return int(text.translate(_SUPERSCRIPTS))


def _is_year(text: str, start: int, end: int) -> bool:
    before = text[max(0, start - 8) : start]
    return (
        re.search(r"(?:\b(?:in|since|et al\.?,?)\s|\()$", before) is not None and unit_at(text, end) is None
    )
