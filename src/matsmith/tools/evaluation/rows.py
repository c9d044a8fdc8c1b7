"""One sample's row: everything that is measured of it, kept in a file so that a second call measures only what is new."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from matsmith.core.candidate import Novelty
from matsmith.core.crystal import Crystal, content_hash
from matsmith.core.settings import Settings
from matsmith.knowledge.formulas import reduced_key
from matsmith.tools.crystal_facts import closest_distance, density_of, is_broken, space_group_of
from matsmith.tools.evaluation.comparison import ReferenceCrystals, known_up_to_disorder, prototype_of
from matsmith.tools.evaluation.measures import (
    is_composition_valid,
    is_structure_valid,
)
from matsmith.tools.evaluation.samples import Sample
from matsmith.tools.novelty import label
from matsmith.tools.strategies.sources import named_lists, structures_of

KEPT = "measured.jsonl"
# Raise it when what is measured changes.
_VERSION = 1


class Row(BaseModel):
    """What is known of one sample by itself and against the lists; lengths in Å. Nothing where it cannot be read.

    `novelty` is that of tools/novelty.py; `known_ordering` says that it is a known crystal of its formula up to the order of elements that
    replace each other. The last two are against the reference set, None without one.
    """

    model_config = ConfigDict(frozen=True)

    problem: str = ""
    formula: str = ""
    atoms: int = 0
    elements: int = 0
    density_g_cm3: float | None = None
    volume_angstrom3_per_atom: float | None = None
    smallest_distance_angstrom: float | None = None
    structure_valid: bool = False
    atoms_apart: bool = False
    composition_valid: bool = False
    composition_valid_smact14: bool = False
    space_group: int | None = None
    novelty: str = Novelty.UNCHECKED.value
    known_as: str = ""
    known_ordering: bool = False
    prototype: str = ""
    formula_in_reference: bool | None = None
    structure_in_reference: bool | None = None

    @property
    def valid(self) -> bool:
        """Sound in structure and composition."""
        return self.structure_valid and self.composition_valid

    @property
    def new(self) -> bool:
        """Whether it equals nothing that is known, orderings of a known crystal let count, nor a crystal of the reference."""
        unknown = self.novelty in (Novelty.NEW.value, Novelty.NEW_ORDERING.value)
        return unknown and not self.known_ordering and not self.structure_in_reference

    @property
    def new_formula(self) -> bool:
        """Whether its formula stands in no list, nor in the reference."""
        return self.novelty == Novelty.NEW.value and not self.formula_in_reference


def measure(crystal: Crystal, *, settings: Settings, reference: ReferenceCrystals | None) -> Row:
    """Measure one crystal. What needs a sound structure (novelty, prototype, space group) stays open without one."""
    smallest = closest_distance(crystal)
    valid = is_structure_valid(crystal, smallest_angstrom=smallest)
    row = Row(
        formula=crystal.formula,
        atoms=len(crystal.species),
        elements=len(crystal.elements),
        density_g_cm3=density_of(crystal),
        volume_angstrom3_per_atom=crystal.volume_angstrom3 / len(crystal.species),
        smallest_distance_angstrom=smallest if smallest < 1e6 else None,
        structure_valid=valid,
        composition_valid=is_composition_valid(crystal.formula),
        composition_valid_smact14=is_composition_valid(crystal.formula, table="smact14"),
        formula_in_reference=None if reference is None else reference.has_formula(crystal),
    )
    if not valid:
        return row
    told = label(crystal, settings=settings)
    ordering = told.label is Novelty.NEW_ORDERING and known_up_to_disorder(
        crystal, structures_of(reduced_key(crystal.amounts))
    )
    return row.model_copy(
        update={
            "atoms_apart": not is_broken(crystal),
            "space_group": space_group_of(crystal),
            "novelty": told.label.value,
            "known_as": told.match,
            "known_ordering": ordering,
            "prototype": prototype_of(crystal),
            "structure_in_reference": None if reference is None else reference.has_structure(crystal),
        }
    )


def measured_rows(
    samples: Sequence[Sample],
    *,
    folder: Path,
    settings: Settings,
    reference: Sequence[Crystal] | None,
    hear: Callable[[int, int], None],
) -> list[Row]:
    """Measure every sample; rows that an earlier call has kept in the folder are taken from there.

    A row is kept by the crystal's content, the lists and the reference that it was held against.
    """
    against = content_hash(
        [
            _VERSION,
            [[one.label, len(one.keys)] for one in named_lists(settings)],
            None if reference is None else [crystal.canonical_hash for crystal in reference],
        ]
    )
    known = None if reference is None else ReferenceCrystals(reference)
    file = folder / KEPT
    kept = dict(_read(file))
    rows: list[Row] = []
    with file.open("a", encoding="utf-8") as stream:
        if file.stat().st_size and not file.read_bytes().endswith(b"\n"):
            stream.write("\n")
        for place, sample in enumerate(samples, start=1):
            if sample.crystal is None:
                rows.append(Row(problem=sample.problem))
            else:
                key = content_hash([against, sample.crystal.model_dump(mode="json")])
                if key not in kept:
                    kept[key] = measure(sample.crystal, settings=settings, reference=known)
                    stream.write(json.dumps({"key": key, "row": kept[key].model_dump()}) + "\n")
                    stream.flush()
                rows.append(kept[key])
            hear(place, len(samples))
    return rows


def _read(file: Path) -> Iterator[tuple[str, Row]]:
    """Rows kept earlier; a line that was cut off by a kill is measured again."""
    if not file.is_file():
        return
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
            yield str(entry["key"]), Row.model_validate(entry["row"])
        except (ValueError, KeyError, TypeError, ValidationError):
            continue
