"""Crystals that are at hand without computing: the relaxed phases and measured crystals that ship, and the prototypes' own compounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from matsmith.core.elements import SYMBOLS
from matsmith.knowledge.crystals import measured_crystals
from matsmith.knowledge.phases import shipped_phases
from matsmith.knowledge.prototypes import prototypes
from matsmith.models.diffusion.data_builder import SourceRow
from matsmith.tools.training_labels import Hulls

# Beyond these the potential or its references fail: such a crystal teaches nothing.
HIGHEST_ABOVE_HULL_EV_PER_ATOM = 0.5
DEEPEST_BELOW_HULL_EV_PER_ATOM = -0.3


def shipped_rows(hulls: Hulls, *, max_atoms: int = 20, skipped: Counter[str]) -> Iterator[SourceRow]:
    """Yield the relaxed phases with their energies, then the measured crystals and the compounds of the prototypes, as they were measured.

    Phases that are left out are counted in `skipped`, by reason.
    """
    from matsmith.core.crystal import Crystal

    for number, phase in enumerate(shipped_phases(SYMBOLS)):
        labels = hulls.labels(phase.amounts, phase.energy_ev_per_atom)
        if not phase.converged:
            skipped["not relaxed to the end"] += 1
        elif not plausible(labels):
            skipped["energy out of bounds"] += 1
        else:
            name = f"phase-{number}-{phase.formula}-{phase.prototype}"
            yield SourceRow(name, properties=labels, crystal=phase.crystal())
    for crystal in measured_crystals():
        known = {} if crystal.bulk_modulus_gpa is None else {"bulk_modulus_gpa": crystal.bulk_modulus_gpa}
        structure = Crystal.from_pymatgen(crystal.structure().get_primitive_structure())
        yield SourceRow(f"measured-{crystal.formula}-{crystal.name}", properties=known, crystal=structure)
    for prototype in prototypes(atoms_max=max_atoms):
        structure = Crystal.from_pymatgen(prototype.structure())
        yield SourceRow(f"prototype-{prototype.name}-{prototype.compound}", crystal=structure)


def plausible(labels: dict[str, float]) -> bool:
    """Whether an energy is one that a crystal can have: unknown, or within the bounds above."""
    above = labels.get("energy_above_hull_ev_per_atom", 0.0)
    return DEEPEST_BELOW_HULL_EV_PER_ATOM <= above <= HIGHEST_ABOVE_HULL_EV_PER_ATOM
