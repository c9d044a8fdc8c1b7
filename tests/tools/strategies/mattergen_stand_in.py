"""Speaks MatterGen's command line, and writes what it writes: an archive of CIFs and an extended XYZ file. Its crystals are rocksalts.

    python mattergen_stand_in.py RESULTS_PATH --pretrained-name=NAME --batch_size=4 --num_batches=1 [--properties_to_condition_on="{...}"]

`STAND_IN` in the environment makes it fail (`fail`), hang (`hang`) or write rubbish (`rubbish`).
"""

from __future__ import annotations

import ast
import json
import os
import sys
import time
import zipfile
from pathlib import Path

CIF = """data_made
_cell_length_a {edge:.5f}
_cell_length_b {edge:.5f}
_cell_length_c {edge:.5f}
_cell_angle_alpha 60
_cell_angle_beta 60
_cell_angle_gamma 60
loop_
 _atom_site_type_symbol
 _atom_site_label
 _atom_site_fract_x
 _atom_site_fract_y
 _atom_site_fract_z
 {cation} {cation}1 0 0 0
 {anion} {anion}2 0.5 0.5 0.5
"""


def main() -> int:
    """Play MatterGen."""
    words = sys.argv[1:]
    options = dict(word.lstrip("-").split("=", 1) for word in words if word.startswith("--"))
    out = Path(next(word for word in words if not word.startswith("--")))
    print(json.dumps({"options": options, "environment": sorted(os.environ)}))
    mood = os.environ.get("STAND_IN", "")
    if mood == "fail":
        print("CUDA out of memory")
        return 3
    if mood == "hang":
        time.sleep(60)
    if options["pretrained-name"] not in (
        "mattergen_base",
        "chemical_system",
        "chemical_system_energy_above_hull",
    ):
        print(f"unknown checkpoint {options['pretrained-name']}")
        return 2
    asked = ast.literal_eval(options.get("properties_to_condition_on", "{}"))
    elements = str(asked.get("chemical_system", "Mg-O")).split("-")
    count = int(options["batch_size"]) * int(options["num_batches"])
    frames: list[str] = []
    with zipfile.ZipFile(out / "generated_crystals_cif.zip", "w") as archive:
        for number in range(count):
            edge = 2.9 + 0.05 * number
            text = CIF.format(edge=edge, cation=elements[0], anion=elements[-1])
            archive.writestr(f"gen_{number}.cif", "rubbish" if mood == "rubbish" else text)
            frames.append(
                f'2\nLattice="0 {edge} {edge} {edge} 0 {edge} {edge} {edge} 0" Properties=species:S:1:pos:R:3 pbc="T T T"\n'
                f"{elements[0]} 0 0 0\n{elements[-1]} {edge} {edge} {edge}\n"
            )
    (out / "generated_crystals.extxyz").write_text("".join(frames), encoding="utf-8")
    (out / "asked.json").write_text(json.dumps({"options": options, "asked": asked}), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
