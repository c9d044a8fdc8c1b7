"""The year of a paper where its DOI tells it: publishers write it in different places, and some nowhere."""

from __future__ import annotations

import re

_FIRST, _LAST = 1960, 2022
_FULL = re.compile(
    r"[./](?:[a-z]+\.)?(19[6-9]\d|20[0-2]\d)(?:\.|\d{5})"
)  # j.jssc.2007.07.027, adma.200701234
_ELSEVIER = re.compile(r"s\d{4}-\d{3}[\dx]\((\d\d)\)")  # S0025-5408(00)00212-2
_SPRINGER = re.compile(r"s\d{5}-0(\d\d)-\d{4}")  # s10853-007-1234-5
_RSC = re.compile(r"10\.1039/([abcd])(\d)")  # b512345k, c5ta01234a
_ACS_NEW = re.compile(r"10\.1021/acs\.[a-z]+\.([5-9])b")  # acs.chemmater.5b01234
_ACS_OLD = re.compile(r"10\.1021/[a-z]{2}(0[0-8])\d{4}")  # ic061234x
_PHYSICAL_REVIEW_B = re.compile(r"physrevb\.(\d+)\.")
_RSC_DECADE = {"a": 1990, "b": 2000, "c": 2010, "d": 2020}


def year_of(doi: str) -> int | None:
    """The year that a DOI tells, or None.

    >>> [year_of(doi) for doi in ("10.1016/j.jssc.2007.07.027", "10.1016/S0025-5408(00)00212-2", "10.1039/c5ta01234a")]
    [2007, 2000, 2015]
    >>> year_of("10.1103/PhysRevB.76.134407"), year_of("10.1149/1.1580819")
    (2007, None)
    """
    low = doi.lower()
    year: int | None = None
    if match := _ELSEVIER.search(low) or _SPRINGER.search(low) or _ACS_OLD.search(low):
        short = int(match[1])
        year = 1900 + short if short >= 60 else 2000 + short
    elif match := _FULL.search(low):
        year = int(match[1])
    elif match := _RSC.search(low):
        year = _RSC_DECADE[match[1]] + int(match[2])
    elif match := _ACS_NEW.search(low):
        year = 2010 + int(match[1])
    elif match := _PHYSICAL_REVIEW_B.search(low):
        # Two volumes a year since 1970.
        year = 1970 + (int(match[1]) - 1) // 2
    return year if year is not None and _FIRST <= year <= _LAST else None
