"""Works out the Wyckoff positions of all space groups and writes the table that ships with the models.

python benchmarks/wyckoff_table.py            # counts them and compares them with the table
python benchmarks/wyckoff_table.py --write    # writes the table
"""

from __future__ import annotations

import argparse
import gzip
import json
from pathlib import Path

import numpy as np

import matsmith.models.wyckoff_positions as positions


def rows_of(number: int) -> list[list[int]]:
    """Multiplicity, freedom, projection (9) and shift (3) of each position, in whole parts of the denominator."""
    rows: list[list[int]] = []
    for one in positions.derived_positions(number):
        exact = np.concatenate([one.projector.ravel(), np.asarray(one.shift)]) * positions.DENOMINATOR
        whole = np.rint(exact).astype(int)
        if np.abs(exact - whole).max() > 1e-3:
            raise SystemExit(f"space group {number}: {exact} are no whole parts of 1/{positions.DENOMINATOR}")
        rows.append([one.multiplicity, one.freedom, *whole.tolist()])
    return rows


def main() -> None:
    """Count, and write or compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write the table")
    options = parser.parse_args()
    table = {str(number): rows_of(number) for number in range(1, 231)}
    print(
        f"{sum(map(len, table.values()))} positions in {len(table)} space groups (tabulated ones: 1731 in 230)"
    )
    path = Path(positions.__file__).with_name("wyckoff_positions.json.gz")
    packed = gzip.compress(json.dumps(table, separators=(",", ":")).encode(), mtime=0)
    if options.write:
        path.write_bytes(packed)
        print(f"wrote {path.name}, {len(packed)} bytes")
    else:
        print(
            "the table that ships is the same"
            if path.read_bytes() == packed
            else "the table that ships DIFFERS"
        )


if __name__ == "__main__":
    main()
