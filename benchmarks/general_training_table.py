"""Joins the table that the diffusion model which ships was trained on, and marks what its figures are measured on.

Relaxed crystals of matsmith's own (`matsmith data crystals`, `matsmith data decorate`) and the perovskites of Perov-5 whose heat of formation is under 0.7 eV/atom; of
the latter only density is kept, for their energies are of another method. Left out of training, as tests: a tenth of the formulas by hash (`test_formula`), and all crystals
of those structure types with at most 40 crystals whose hash says so (`test_prototype`); both are scored on the lowest polymorph of a formula alone.

    matsmith data decorate --out decorated --n 17352
    matsmith data crystals shipped decorated --out general.npz
    python benchmarks/general_training_table.py --general general.npz --perov perov5.npz --out general_train.npz
    python -m matsmith.models.diffusion.training_command --data perov5.npz --out perov --width 128 --layers 4 --batch 128 --steps 13000 \
        --generation-share 0 --weight-decay 0.03 --condition-share 0.7 --conditions formation_energy_ev_per_atom --minutes 60
    python -m matsmith.models.diffusion.training_command --data general_train.npz --out general --width 128 --layers 4 --batch 128 --steps 36000 \
        --weight-decay 0.03 --start-from perov/last.safetensors --minutes 60 \
        --conditions density_g_cm3,energy_above_hull_ev_per_atom,bulk_modulus_gpa,formation_energy_ev_per_atom,crystal_system
    python -m matsmith.models.diffusion.prediction --weights general/weights.safetensors --data general_train.npz --only test_formula \
        --given energy_above_hull_ev_per_atom=0 --corrector-steps 0 --per-crystal 20 --out samples.npz
    python benchmarks/perov5.py --data general_train.npz --only test_formula --samples samples.npz --no-baselines

The weights that ship did not see this last training as it stands here: 28,654 steps of 128 were begun from earlier weights, which had made 15,000 steps of
64 on a part of these crystals. 36,000 steps show as many crystals; that they end as well was not tried.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from matsmith.core.errors import MatsmithError
from matsmith.models.diffusion.data_format import (
    LOWEST,
    CrystalTable,
    join_tables,
    load_table,
    save_table,
    split_of,
)

HIGHEST_HEAT_EV, RARE, PEROV = 0.7, 40, "perov5"
HEAT = "formation_energy_ev_per_atom"


def joined(general: CrystalTable, perov: CrystalTable) -> CrystalTable:
    """Return the joined table with its splits and marks."""
    few = perov.select(np.flatnonzero(perov.properties[HEAT] < HIGHEST_HEAT_EV))
    few = replace(
        few,
        properties={"density_g_cm3": few.properties["density_g_cm3"]},
        types=[PEROV] * len(few),
        names=[f"{PEROV}-{name}" for name in few.names],
    )
    table = join_tables([general, few])
    common = Counter(table.types)
    rare = {kind for kind, count in common.items() if count <= RARE and kind != PEROV}
    held = np.array([kind in rare and split_of(kind, salt="type") == 2 for kind in table.types])
    scored = (np.nan_to_num(table.properties[LOWEST]) > 0) & (np.array(table.types) != PEROV)
    split = np.array([split_of(formula) for formula in table.formulas], np.uint8)
    marks = {
        "test_formula": (split == 2) & ~held & scored,
        "test_prototype": held & scored,
        "validation_formula": (split == 1) & ~held & scored,
    }
    split[held] = 2
    properties = table.properties | {name: values.astype(np.float32) for name, values in marks.items()}
    return replace(table, split=split, properties=properties)


def main() -> int:
    """Run the command line; return its exit code."""
    parser = argparse.ArgumentParser(description="Join the training table of the diffusion model that ships.")
    parser.add_argument("--general", type=Path, required=True)
    parser.add_argument("--perov", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    try:
        table = joined(load_table(given.general), load_table(given.perov))
        save_table(table, given.out)
    except MatsmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    kinds = np.bincount([len(set(table.atoms_of(row)[0].tolist())) for row in range(len(table))])
    marks = {name: int(table.properties[name].sum()) for name in ("test_formula", "test_prototype")}
    print(
        f"{len(table)} crystals, by number of elements {kinds[1:].tolist()}, splits {np.bincount(table.split)}, {marks}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
