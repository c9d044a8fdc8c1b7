"""What a passage cites: authors with a year, and DOIs."""

from __future__ import annotations

import re

_MARKED_DOI = re.compile(r"(?:doi:\s?|doi\.org/)(10\.\d{4,9}/[^\s;,]+)", re.IGNORECASE)


def find_dois(text: str) -> list[str]:
    """The DOIs of a text; a bracket that closes the citation is no part of one, those inside old DOIs are.

    >>> find_dois("(Bass 1995, doi:10.1029/RF002p0045; see doi:10.1016/0022-4596(92)90061-y).")
    ['10.1029/RF002p0045', '10.1016/0022-4596(92)90061-y']
    """
    found = [doi.rstrip(".") for doi in _MARKED_DOI.findall(text)]
    return [doi.removesuffix(")") if doi.count(")") > doi.count("(") else doi for doi in found]


def find_citations(text: str) -> list[str]:
    """Author and year of each citation, `(Sun et al. 2016, doi:...; Teter 1998, doi:...)`, in order."""
    return [found.strip() for found in re.findall(r"(?:\(|; )([^();]*?\b\d{4}), doi:", text)]
