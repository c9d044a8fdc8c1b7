"""Molecular dynamics against published values of the same potential, or experiment: a table with errors and run times.

Each row is one call of one protocol; what a row needs is computed once and kept in the ledger of --work, so that the table can be
interrupted and gone on with, row by row. Misses are printed like hits.

    python benchmarks/molecular_dynamics.py --work md-bench                   all rows
    python benchmarks/molecular_dynamics.py --work md-bench --rows cu-        rows whose id begins so
    python benchmarks/molecular_dynamics.py --work md-bench --table           the table of what is there, nothing computed
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from matsmith.core.errors import MatsmithError
from matsmith.core.ledger import Ledger
from matsmith.core.record import Record
from matsmith.core.settings import Settings, load_settings
from matsmith.tools.runner import ToolRunner, local_executor


@dataclass(frozen=True, kw_only=True)
class Row:
    """One published value: what to run, which number of its record to take, and what it is held against.

    `value` names a quantity, or a fact by its path (`a.b`); `factor` turns it into the unit of the row. `within` is the relative difference
    that counts as agreement: what other ways of computing the same quantity with the same potential scatter by, or what experiments do.
    A source that could not be looked up again says "not checked".
    """

    id: str
    what: str
    tool: str
    args: dict[str, Any]
    value: str
    unit: str
    published: float
    within: float
    source: str
    against: str = "same potential"
    factor: float = 1.0


MISHIN_CU = "Mishin et al., Phys. Rev. B 63, 224106 (2001)"
KITTEL = "experiment, Kittel, Introduction to Solid State Physics"
CRC = "experiment, CRC Handbook of Chemistry and Physics"
SW = "Stillinger & Weber, Phys. Rev. B 31, 5262 (1985)"
CU = {"element": "Cu", "potential": "cu_mishin1"}
AL = {"element": "Al"}
SI = {"element": "Si", "potential": "si_sw"}


def rows() -> list[Row]:
    """All rows, cheap ones first."""
    return [
        Row(id="cu-lattice", what="Cu lattice parameter, 0 K", tool="md_minimise", args=CU, value="lattice_parameter", unit="Å",
            published=3.615, within=0.001, source=MISHIN_CU),
        Row(id="cu-c11", what="Cu C11, 0 K", tool="md_elastic", args=CU, value="c11", unit="GPa", published=169.9, within=0.01, source=MISHIN_CU),
        Row(id="cu-c12", what="Cu C12, 0 K", tool="md_elastic", args=CU, value="c12", unit="GPa", published=122.6, within=0.01, source=MISHIN_CU),
        Row(id="cu-c44", what="Cu C44, 0 K", tool="md_elastic", args=CU, value="c44", unit="GPa", published=76.2, within=0.01, source=MISHIN_CU),
        Row(id="cu-vacancy", what="Cu vacancy formation", tool="md_vacancy", args=CU, value="vacancy_formation_energy", unit="eV",
            published=1.272, within=0.02, source=MISHIN_CU),
        Row(id="cu-migration", what="Cu vacancy migration", tool="md_vacancy", args=CU, value="vacancy_migration_energy", unit="eV",
            published=0.689, within=0.03, source=MISHIN_CU),
        Row(id="cu-sf", what="Cu intrinsic stacking fault", tool="md_stacking_fault", args=CU, value="stacking_fault_energy", unit="mJ/m²",
            published=44.4, within=0.03, source=MISHIN_CU),
        Row(id="cu-usf", what="Cu unstable stacking fault", tool="md_stacking_fault", args=CU, value="unstable_stacking_fault_energy",
            unit="mJ/m²", published=158.0, within=0.05, source=MISHIN_CU),
        Row(id="cu-s111", what="Cu surface (111)", tool="md_surface", args=CU, value="surface_energy_111", unit="mJ/m²", published=1239.0,
            within=0.02, source=MISHIN_CU),
        Row(id="cu-s100", what="Cu surface (100)", tool="md_surface", args=CU, value="surface_energy_100", unit="mJ/m²", published=1345.0,
            within=0.02, source=MISHIN_CU),
        Row(id="cu-s110", what="Cu surface (110)", tool="md_surface", args=CU, value="surface_energy_110", unit="mJ/m²", published=1475.0,
            within=0.02, source=MISHIN_CU),
        Row(id="al-lattice", what="Al lattice parameter, 0 K", tool="md_minimise", args=AL, value="lattice_parameter", unit="Å", published=4.05,
            within=0.01, source=KITTEL, against="experiment"),
        Row(id="al-c44", what="Al C44, 0 K", tool="md_elastic", args=AL, value="c44", unit="GPa", published=31.6, within=0.15,
            source="experiment at 0 K, Kamm & Alers, J. Appl. Phys. 35, 327 (1964)", against="experiment"),
        Row(id="ni-lattice", what="Ni lattice parameter, 0 K", tool="md_minimise", args={"element": "Ni"}, value="lattice_parameter", unit="Å",
            published=3.52, within=0.01, source=KITTEL, against="experiment"),
        Row(id="ni-bulk", what="Ni bulk modulus, 0 K", tool="md_elastic", args={"element": "Ni"}, value="bulk_modulus", unit="GPa", published=186.0,
            within=0.10, source=KITTEL, against="experiment"),
        Row(id="fe-lattice", what="Fe lattice parameter, 0 K", tool="md_minimise", args={"element": "Fe"}, value="lattice_parameter", unit="Å",
            published=2.87, within=0.01, source=KITTEL, against="experiment"),
        Row(id="fe-bulk", what="Fe bulk modulus, 0 K", tool="md_elastic", args={"element": "Fe"}, value="bulk_modulus", unit="GPa",
            published=168.3, within=0.10, source=KITTEL, against="experiment"),
        Row(id="w-lattice", what="W lattice parameter, 0 K", tool="md_minimise", args={"element": "W"}, value="lattice_parameter", unit="Å",
            published=3.16, within=0.01, source=KITTEL, against="experiment"),
        Row(id="w-bulk", what="W bulk modulus, 0 K", tool="md_elastic", args={"element": "W"}, value="bulk_modulus", unit="GPa", published=323.2,
            within=0.10, source=KITTEL, against="experiment"),
        Row(id="si-lattice", what="Si lattice parameter, 0 K", tool="md_minimise", args=SI, value="lattice_parameter", unit="Å", published=5.431,
            within=0.002, source=SW),
        Row(id="si-c11", what="Si C11, 0 K (Stillinger-Weber)", tool="md_elastic", args=SI, value="c11", unit="GPa", published=151.4,
            within=0.02, source="LAMMPS, examples/ELASTIC, its output for Si.sw"),
        Row(id="si-c44", what="Si C44, 0 K (Stillinger-Weber)", tool="md_elastic", args=SI, value="c44", unit="GPa", published=56.4,
            within=0.02, source="LAMMPS, examples/ELASTIC, its output for Si.sw"),
        Row(id="c-lattice", what="diamond lattice parameter, 0 K", tool="md_minimise", args={"element": "C"}, value="lattice_parameter", unit="Å",
            published=3.567, within=0.01, source=KITTEL, against="experiment"),
        Row(id="c-bulk", what="diamond bulk modulus, 0 K", tool="md_elastic", args={"element": "C"}, value="bulk_modulus", unit="GPa",
            published=443.0, within=0.10, source=KITTEL, against="experiment"),
        Row(id="ar-lattice", what="Ar lattice parameter, 0 K", tool="md_minimise", args={"element": "Ar"}, value="lattice_parameter", unit="Å",
            published=5.31, within=0.02, source=KITTEL, against="experiment"),
        Row(id="cu-expansion", what="Cu linear expansion, 300 K", tool="md_expansion", args=CU, value="thermal_expansion_at_temperature",
            unit="1e-6/K", published=16.5, within=0.15, factor=1e6, source=CRC, against="experiment"),
        Row(id="cu-heat", what="Cu heat capacity, 300 K (classical 3R + anharmonic)", tool="md_heat_capacity", args=CU,
            value="heat_capacity_at_temperature", unit="J/(kg·K)", published=385.0, within=0.06, source=CRC, against="experiment"),
        Row(id="cu-c44-300", what="Cu C44, 300 K", tool="md_elastic", args={**CU, "temperature_k": 300.0}, value="c44", unit="GPa",
            published=75.4, within=0.10, source=KITTEL, against="experiment"),
        Row(id="cu-melting", what="Cu melting point", tool="md_melting", args=CU, value="melting_point", unit="K", published=1327.0, within=0.02,
            source="Frolov & Mishin, Phys. Rev. B 79, 045430 (2009); experiment 1358 K"),
        Row(id="cu-latent", what="Cu latent heat of melting", tool="md_melting", args=CU, value="latent_heat", unit="kJ/mol", published=13.26,
            within=0.10, source=CRC, against="experiment"),
        Row(id="si-melting", what="Si melting point (Stillinger-Weber)", tool="md_melting", args=SI, value="melting_point", unit="K", published=1691.0,
            within=0.02, source="Broughton & Li, Phys. Rev. B 35, 9120 (1987)"),
        Row(id="al-melting", what="Al melting point", tool="md_melting", args=AL, value="melting_point", unit="K", published=933.5, within=0.05,
            source=CRC, against="experiment"),
        Row(id="ar-melting", what="Ar melting point (cut at 2.5 σ)", tool="md_melting", args={"element": "Ar"}, value="melting_point", unit="K",
            published=73.9, within=0.03, source="0.617 ε/k: Broughton & Gilmer, J. Chem. Phys. 79, 5095 (1983); experiment 83.8 K"),
        # The pressure stands in for the tail of the potential that is cut off at 2.5 σ: with it, the liquid has about its own density.
        Row(id="ar-liquid-conductivity", what="Ar thermal conductivity, liquid, 86.5 K, 32 MPa", tool="md_thermal_conductivity",
            args={"element": "Ar", "phase": "melt", "temperature_k": 86.5, "pressure_gpa": 0.032}, value="thermal_conductivity_at_temperature",
            unit="W/(m·K)", published=0.130, within=0.10,
            source="6.9 in reduced units at its triple point: Vogelsang et al., J. Chem. Phys. 86, 6371 (1987) (not checked)"),
        Row(id="ar-conductivity", what="Ar thermal conductivity, solid, 40 K", tool="md_thermal_conductivity",
            args={"element": "Ar", "temperature_k": 40.0}, value="thermal_conductivity_at_temperature", unit="W/(m·K)", published=0.5, within=0.35,
            source="about 0.5: McGaughey & Kaviany, Int. J. Heat Mass Transf. 47, 1783 (2004) (not checked)"),
        Row(id="cu-diffusion", what="liquid Cu self-diffusion, 1,400 K", tool="md_diffusion", args={**CU, "phase": "melt", "temperature_k": 1400.0},
            value="diffusivity_at_temperature", unit="1e-9 m²/s", published=3.56, within=0.25, factor=1e5,
            source="experiment, quasi-elastic neutron scattering: Meyer, Phys. Rev. B 81, 012102 (2010) (not checked)", against="experiment"),
    ]  # fmt: skip


@dataclass(kw_only=True)
class Result:
    """A row with what came out; `failure` says why nothing did."""

    row: Row
    value: float = math.nan
    sigma: float = 0.0
    seconds: float = 0.0
    failure: str = ""
    computed: bool = True
    record: str = field(default="", repr=False)

    @property
    def difference(self) -> float:
        """Relative difference from the published value."""
        return self.value / self.row.published - 1.0

    @property
    def agrees(self) -> bool:
        """Whether it lies within the row's scatter, or within two of its own errors of that."""
        allowed = self.row.within * abs(self.row.published) + 2 * self.sigma
        return not self.failure and abs(self.value - self.row.published) <= allowed


def result_of(row: Row, record: Record) -> Result:
    """Take the row's number from a record."""
    failure = record.outcome.failure
    if failure is not None:
        return Result(row=row, failure=f"{failure.code}: {failure.message}", seconds=record.outcome.wall_s)
    found = record.quantities.get(row.value)
    if found is not None:
        # Against the same potential's published value the run's own error counts, not what the potential is off by.
        statistical: Any = record.outcome.facts.get("statistical_sigma") or {}
        value, sigma = found.value * row.factor, statistical.get(row.value, found.sigma) * row.factor
    else:
        here: Any = record.outcome.facts
        for part in row.value.split("."):
            here = here.get(part) if isinstance(here, dict) else None  # pyright: ignore[reportUnknownMemberType,reportUnknownVariableType]
        if not isinstance(here, int | float):
            return Result(row=row, failure=f"the record has no {row.value}", seconds=record.outcome.wall_s)
        value, sigma = float(here) * row.factor, 0.0
    return Result(row=row, value=value, sigma=sigma, seconds=record.outcome.wall_s, record=record.id)


def measured(chosen: Sequence[Row], *, work: Path, settings: Settings, compute: bool) -> Iterator[Result]:
    """Run the rows one after another in one worker; a row that raises is a failed row and the next one runs."""
    work.mkdir(parents=True, exist_ok=True)
    executor = local_executor(log=work / "worker.log", settings=settings)
    kept_file = work / "rows.json"
    kept: dict[str, Any] = json.loads(kept_file.read_text()) if kept_file.exists() else {}
    with Ledger(work / "ledger.sqlite") as ledger:
        runner = ToolRunner(ledger, settings=settings, executor=executor, seed=1)
        try:
            for row in chosen:
                known = ledger.record(kept.get(row.id, ""))
                if known is not None and known.outcome.failure is None:
                    yield result_of(row, known)
                    continue
                if not compute:
                    yield Result(row=row, failure="not computed yet", computed=False)
                    continue
                runner.on_note(lambda text, name=row.id: print(f"  {name}: {text}", file=sys.stderr))
                try:
                    record = runner.run(row.tool, row.args)
                except MatsmithError as error:
                    yield Result(row=row, failure=str(error))
                    continue
                kept[row.id] = record.id
                kept_file.write_text(json.dumps(kept, indent=1), encoding="utf-8")
                yield result_of(row, record)
        finally:
            executor.close()


def print_table(results: Sequence[Result]) -> None:
    """The table, misses included."""
    print(
        f"\n{'what':<48} {'here':>20} {'published':>10} {'unit':<10} {'diff':>7} {'':<5} {'time':>7}  source"
    )
    for one in results:
        row = one.row
        if one.failure:
            mark, spent = ("FAIL", f"{one.seconds:.0f}s") if one.computed else ("–", "–")
            print(
                f"{row.what:<48} {'–':>20} {row.published:>10g} {row.unit:<10} {'':>7} {mark:<5} {spent:>7}  {one.failure[:90]}"
            )
            continue
        shown = f"{one.value:.5g} ± {one.sigma:.2g}" if one.sigma else f"{one.value:.5g}"
        mark = "ok" if one.agrees else "MISS"
        print(f"{row.what:<48} {shown:>20} {row.published:>10g} {row.unit:<10} {100 * one.difference:>6.1f}% {mark:<5} {one.seconds:>6.0f}s  "
              f"{row.against}: {row.source}")  # fmt: skip
    done = [one for one in results if not one.failure]
    print(
        f"\n{sum(one.agrees for one in done)} of {len(results)} rows agree, {len(done)} computed, {sum(one.computed for one in results) - len(done)} failed."
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, default=Path("md-bench"), help="folder for ledger and runs")
    parser.add_argument("--rows", default="", help="only rows whose id begins so; several by commas")
    parser.add_argument("--table", action="store_true", help="print what is there; compute nothing")
    given = parser.parse_args()
    work: Path = given.work.absolute()
    settings = load_settings().model_copy(update={"cache_dir": work / "cache"})
    wanted = [part for part in str(given.rows).split(",") if part]
    chosen = [row for row in rows() if not wanted or any(row.id.startswith(part) for part in wanted)]
    results: list[Result] = []
    for result in measured(chosen, work=work, settings=settings, compute=not given.table):
        results.append(result)
        if not given.table:
            print(
                f"{result.row.id}: {result.failure or f'{result.value:.5g} {result.row.unit}, {result.seconds:.0f} s'}",
                flush=True,
            )
    print_table(results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
