"""Relaxation of samples and their energy above the hull: what decides whether a generated crystal could exist.

The energy is the potential's, put on the basis of the reference phases by the fitted offsets and held against their hull as training sets are
labelled: no correction for chosen candidates, since samples are not chosen. A sample that cannot be relaxed counts as a miss. Everything
stands in a ledger of the folder of results, so that a second call goes on where the first one stopped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.crystal import Crystal, content_hash
from matsmith.core.errors import MatsmithError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Outcome, Record
from matsmith.core.settings import Settings
from matsmith.tools.crystal_facts import ways_angstrom
from matsmith.tools.potential import foreign
from matsmith.tools.runner import ToolRunner, local_executor
from matsmith.tools.training_labels import Hulls

LEDGER_FOLDER = ".matsmith"
BULK_MODULUS = "bulk_modulus"
NO_PHASES = "no hull: no phases of its elements are at hand"
"""Why a relaxed crystal has no energy above the hull where nobody lists what competes with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What relaxing one sample gave; energies in eV/atom. `problem` says why there is none.

    `moved_angstrom` is the root mean square way of the atoms from where they were generated, drift taken off.
    """

    problem: str = ""
    relaxed: Crystal | None = None
    record: str = ""
    formation: float | None = None
    above_hull: float | None = None
    tier: str = ""
    moved_angstrom: float | None = None
    volume_ratio: float | None = None
    bulk_modulus_gpa: float | None = None


def relaxed_energies(
    crystals: Sequence[Crystal],
    *,
    folder: Path,
    settings: Settings,
    arguments: Mapping[str, Any],
    moduli_of: frozenset[int] = frozenset(),
) -> Iterator[tuple[int, Energy]]:
    """Relax crystals in shared batches; each comes with its place as soon as it is finished.

    `arguments` are those of the tool `relax`. For the places in `moduli_of` the bulk modulus follows, by the equation of state. Raises
    `WorkerError` when the physics process cannot be kept alive.
    """
    inside = folder / LEDGER_FOLDER
    inside.mkdir(parents=True, exist_ok=True)
    with Ledger(inside / "ledger.sqlite") as ledger:
        executor = local_executor(log=inside / "worker.log", settings=settings)
        runner = ToolRunner(ledger, settings=settings, executor=executor)
        hulls = Hulls(data_dir=settings.data_dir, cache_dir=settings.cache_dir)
        try:
            calls = [{**arguments, "structure": _offered(ledger, crystal)} for crystal in crystals]
            waiting: dict[int, tuple[Record, Energy]] = {}
            for index, record in runner.run_many("relax", calls):
                energy = _energy(record, crystals[index], hulls=hulls)
                if index in moduli_of and energy.relaxed is not None:
                    waiting[index] = (record, energy)
                else:
                    yield index, energy
            yield from _with_moduli(waiting, runner=runner)
        finally:
            executor.close()


def _with_moduli(
    waiting: Mapping[int, tuple[Record, Energy]], *, runner: ToolRunner
) -> Iterator[tuple[int, Energy]]:
    places = list(waiting)
    calls = [{"structure": waiting[index][0].id} for index in places]
    for place, record in runner.run_many("equation_of_state", calls):
        found = record.quantities.get(BULK_MODULUS)
        index = places[place]
        yield (
            index,
            replace(waiting[index][1], bulk_modulus_gpa=None if found is None else float(found.value)),
        )


def _offered(ledger: Ledger, crystal: Crystal) -> str:
    """Put a sample into the ledger by its content, so that the relaxed one keeps its cell and the order of its atoms; return its id."""
    record = Record.of(
        Outcome(crystal=crystal),
        tool="structure_file",
        tool_version="1",
        inputs={"sha256": content_hash(crystal.model_dump(mode="json"), digits=64)},
        identity="",
        seed=0,
    )
    if ledger.finished(record.id) is None:
        ledger.write_record(record)
    return record.id


def _energy(record: Record, start: Crystal, *, hulls: Hulls) -> Energy:
    failure, relaxed = record.outcome.failure, record.outcome.crystal
    if failure is not None or relaxed is None:
        return Energy(problem=failure.code if failure is not None else "no_crystal", record=record.id)
    moved = way_angstrom(start, relaxed)
    ratio = relaxed.volume_angstrom3 / start.volume_angstrom3
    known = Energy(relaxed=relaxed, record=record.id, moved_angstrom=moved, volume_ratio=ratio)
    stranger = foreign(record)
    if stranger is not None:
        return replace(known, problem=f"no hull: energies of {stranger} cannot be compared with the phases'")
    try:
        labels = hulls.labels(relaxed.amounts, record.quantities["energy"].value)
        references = hulls.references(relaxed.amounts)
    except MatsmithError as error:
        return replace(known, problem=f"no hull: {error.message}")
    if references is None:
        return replace(known, problem=NO_PHASES)
    return replace(
        known,
        formation=labels["formation_energy_ev_per_atom"],
        above_hull=labels["energy_above_hull_ev_per_atom"],
        tier=references.tier,
    )


def way_angstrom(before: Crystal, after: Crystal) -> float:
    """Root mean square way of the atoms from one crystal to the other, atoms in the same order, by the shortest images in the mean lattice, drift taken off."""
    ways = ways_angstrom(
        np.array(before.positions, np.float64),
        np.array(after.positions, np.float64),
        0.5 * (np.array(before.lattice) + np.array(after.lattice)),
    )
    return float(np.sqrt((ways**2).mean()))
