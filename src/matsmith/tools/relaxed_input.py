"""What measuring tools start from: crystals relaxed with their symmetry kept, and the typed failures of those that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from matsmith.core.record import Outcome
from matsmith.tools.results import hint_for

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from matsmith.models.potentials.interface import ArrayPotential
    from matsmith.models.relaxation import RelaxationFailure, Relaxed

_FORCE_EV_PER_ANGSTROM = 0.02


def failed_relaxation(what: str, failure: RelaxationFailure) -> Outcome:
    """The typed failure of a relaxation; `what` was relaxed, such as `The bulk`."""
    return Outcome.failed(failure.code, f"{what}: {failure.message}", hint=hint_for(failure.code))


def relaxed_bulks(
    structures: Iterable[Structure], *, potential: ArrayPotential, within_ev_per_angstrom: float
) -> Iterator[tuple[int, Relaxed | Outcome]]:
    """Relax primitive cells in shared batches, the symmetry kept, so that sites which are the same stay the same.

    Yields (place in the input, the relaxed cell or the failure), as they are finished.
    """
    from matsmith.models.relaxation import RelaxationFailure, RelaxationSettings, near_minimum, relax

    settings = RelaxationSettings(keep_symmetry=True, force_tolerance_ev_per_angstrom=_FORCE_EV_PER_ANGSTROM)
    cells = (structure.get_primitive_structure() for structure in structures)
    for place, result in relax(cells, potential=potential, settings=settings):
        found = near_minimum(result, within_ev_per_angstrom=within_ev_per_angstrom)
        if found is not None:
            yield place, found
        elif isinstance(result, RelaxationFailure):
            yield place, failed_relaxation("The bulk", result)
