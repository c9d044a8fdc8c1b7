"""Figures of a record: its tool says which; what stands in the record is all that is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import ValidationError

from matsmith.agents.figures.model import Drawing, Figure
from matsmith.core.errors import MatsmithError
from matsmith.core.record import Status

if TYPE_CHECKING:
    from matsmith.core.record import Record

Builder = Callable[["Record"], list[Figure]]


class Lacking(MatsmithError):
    """The record was kept without what the figure shows."""


def _builders() -> dict[str, Builder]:
    from matsmith.agents.figures import curves, diffraction, elastic, phase_diagram, vibrations

    return {
        "stability": phase_diagram.figures,
        "xray_pattern": diffraction.pattern,
        "identify_phases": diffraction.fitted_scan,
        "elasticity": elastic.figures,
        "phonons": vibrations.figures,
        "equation_of_state": curves.equation_of_state,
        "migration_barrier": curves.migration,
        "quasi_harmonic": curves.quasi_harmonic,
    }


def plotted_tools() -> list[str]:
    """Names of the tools whose records have figures."""
    return sorted(_builders())


def drawing_of(record: Record) -> Drawing:
    """The figures of a record; none for a failure or a tool that has nothing to plot."""
    builder = _builders().get(record.tool)
    if builder is None or record.status is not Status.SUCCESS:
        return Drawing(record=record.id)
    try:
        return Drawing(record=record.id, figures=tuple(builder(record)))
    except Lacking as lack:
        return Drawing(record=record.id, lacking=f"{lack.message} {lack.hint}".strip())
    except (ValidationError, MatsmithError, ArithmeticError, ValueError):
        # numpy's errors of linear algebra are ValueErrors; a record from elsewhere may hold anything.
        return Drawing(
            record=record.id,
            lacking=f"What {record.tool} kept in this record does not make a figure: run the tool again to draw it.",
        )
