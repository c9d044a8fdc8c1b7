"""Figures of a record: its tool, or what it keeps to be drawn, says which; what stands in the record is all that is drawn."""

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


def _builders_of_facts() -> dict[str, Builder]:
    from matsmith.agents.figures import kept_series

    return {"traces": kept_series.traces, "contributions": kept_series.contributions}


def plotted_tools() -> list[str]:
    """Names of the tools whose records have figures of their own."""
    return sorted(_builders())


def plotted_facts() -> list[str]:
    """Names of the facts that are drawn whatever the tool."""
    return sorted(_builders_of_facts())


def drawing_of(record: Record) -> Drawing:
    """The figures of a record; none for a failure or a tool that has nothing to plot."""
    if record.status is not Status.SUCCESS:
        return Drawing(record=record.id)
    own = _builders().get(record.tool)
    builders = [builder for name, builder in _builders_of_facts().items() if name in record.outcome.facts]
    figures: list[Figure] = []
    lacking: list[str] = []
    for builder in ([own] if own else []) + builders:
        try:
            figures += builder(record)
        except Lacking as lack:
            lacking.append(f"{lack.message} {lack.hint}".strip())
        except (ValidationError, MatsmithError, ArithmeticError, ValueError):
            # numpy's errors of linear algebra are ValueErrors; a record from elsewhere may hold anything.
            lacking.append(
                f"What {record.tool} kept in this record does not make a figure: run the tool again to draw it."
            )
    return Drawing(record=record.id, figures=tuple(figures), lacking=" ".join(dict.fromkeys(lacking)))
