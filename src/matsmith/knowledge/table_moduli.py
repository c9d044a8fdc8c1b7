"""How far the tables of computed bulk and shear moduli are from measurement, and what follows from both together.

Produced by `benchmarks/table_moduli.py`, which prints the table behind it. Each modulus has one factor; the errors of Young's modulus,
Poisson and Pugh ratio and Chen's hardness are measured on those properties, on formulas left out of the fit.
"""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from matsmith.core.errors import DataError
from matsmith.knowledge.elastic_errors import Error


class TableModuli(BaseModel):
    """Factors towards measurement and one-sigma errors by property.

    >>> 1.0 < table_moduli().bulk_factor < 1.1
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bulk_factor: float
    shear_factor: float
    errors: dict[str, Error]
    source: str
    version: str


@lru_cache(maxsize=1)
def table_moduli() -> TableModuli:
    """The factors and errors that ship. Raises `DataError` when the file is missing or damaged."""
    try:
        text = files("matsmith.knowledge").joinpath("table_moduli.json").read_text(encoding="utf-8")
        return TableModuli.model_validate(json.loads(text))
    except (OSError, ValueError) as error:
        raise DataError(
            "The errors of the tables of moduli are missing or damaged.", hint="Reinstall matsmith."
        ) from error
