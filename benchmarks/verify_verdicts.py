"""Recompute the verdicts of finished runs by other means and say which do not hold; shares no code with the package.

    MATSMITH_DATA=DIR python benchmarks/verify_verdicts.py RUN... [--limit N] [--not-met 20] [--no-potential] [--json-out FILE]

For every verdict `met`, and some `not met`, an independent value is sought, best source first: a measured value (formula and
structure matched), a DFT table (all rows of the formula), stock CHGNet on the crystal's CIF. A verdict is refuted when that value
lies on the other side of the threshold by more than its own one-sigma error, undecided within it; the strict counts allow no
error. Where a verdict rests on the same measured crystal that the check reads, the reading is checked and not the measurement: how
often DFT agrees is printed beside. A potential sees nothing that the package's potential could not: it checks code, not physics.
Exit status 1 when more than 2 % of the decided `met` are refuted, or a crystal that meets its objective breaks a wish.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from statistics import median
from typing import Any

from independent_facts import COMMON_ELEMENTS, Facts, Key, Measured, Tables, formula_key
from independent_potential import Calibration, StockPotential
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

LARGEST_FALSE_SHARE = 0.02
# One-sigma errors of the independent sources.
MEASURED, DFT_MODULUS, POTENTIAL_MODULUS = 0.03, 0.10, 0.15
DFT_ENERGY_EV, POTENTIAL_ENERGY_EV, OBSERVED_STABLE_EV = 0.02, 0.06, 0.01
DFT_GAP_EV, DFT_INDEX, CELL_DENSITY = 0.1, 0.05, 0.04
BOUND = "lowest row of the formula"
_TABLED = {
    "measured_band_gap": ("expt_band_gap", "measured"),
    "computed_band_gap": ("mp_band_gap", "DFT table"),
    "refractive_index": ("mp_refractive_index", "DFT table"),
    "shear_modulus": ("mp_log10_shear_modulus", "DFT table"),
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """An independent value as the range of what its source holds, its one-sigma error and what it is based on."""

    low: float
    high: float
    middle: float
    sigma: float
    basis: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What became of one verdict, or of one wish about a crystal that meets."""

    run: str
    rank: int
    formula: str
    property: str
    target: str
    answer: str
    stated: float | None
    independent: float | None
    sigma: float | None
    basis: str
    outcome: str
    strict: bool | None = None
    second: str = ""
    note: str = ""


def outcome(answer: str, found: Found, *, low: float, high: float) -> tuple[str, bool]:
    """Say whether a value confirms an answer about the range low to high, and whether it does without any tolerance."""
    inside = low <= found.middle <= high
    strict = inside if answer == "met" else not inside
    if answer == "met":
        misses = max(low - found.high, found.low - high, 0.0)
        if misses > 0:
            return ("refuted" if misses > found.sigma else "undecided"), strict
        return ("confirmed" if low <= found.low and found.high <= high else "undecided"), strict
    if found.low > high or found.high < low:
        return "confirmed", strict
    depth = min(found.low - low, high - found.high)
    return ("refuted" if depth > found.sigma else "undecided"), strict


def bounds(target: dict[str, Any]) -> tuple[float, float] | None:
    """The range that meets a target; None for one that is only optimised."""
    value = target["value"]
    if value is None:
        return None
    half = abs(value) * target["tolerance"] or target["tolerance"]
    ends = {
        "above": (value, float("inf")),
        "below": (float("-inf"), value),
        "between": (value, target["upper"]),
        "around": (value - half, value + half),
    }
    return ends[target["relation"]]


@dataclass
class Crystal:
    """One ranked candidate of a report, with its structure from the CIF, or from the report when there is no CIF."""

    report: dict[str, Any]
    structure: Structure
    facts: Facts

    @cached_property
    def key(self) -> Key | None:
        """Reduced formula of the structure."""
        return formula_key(self.structure.composition.reduced_formula)

    @cached_property
    def measured(self) -> Measured | None:
        """The measured crystal that it is, if any."""
        return self.facts.match(self.structure, self.key)


class Verifier:
    """Independent values by property."""

    def __init__(self, *, tables: Tables, facts: Facts, potential: StockPotential | None) -> None:
        self.tables, self.facts, self.potential = tables, facts, potential

    @cached_property
    def calibration(self) -> Calibration | None:
        """Factors of the potential, fitted when first needed."""
        return self.potential.calibration(self.facts) if self.potential else None

    def values(self, name: str, crystal: Crystal) -> Iterator[Found]:
        """Independent values of a property, the best source first."""
        if crystal.key is None:
            return
        match name:
            case "bulk_modulus":
                yield from self._bulk_modulus(crystal)
            case "energy_above_hull" | "formation_energy":
                yield from self._energy(crystal, above_hull=name == "energy_above_hull")
            case "density" | "volume_per_atom":
                yield from self._density(crystal, volume=name == "volume_per_atom")
            case "price":
                price = self.facts.price_usd_per_kg(crystal.key)
                if price:
                    yield _ranged(price, sigma=0.0, basis="facts file")
            case _ if name in _TABLED:
                yield from self._tabled(name, crystal.key)
            case _:
                return

    def _bulk_modulus(self, crystal: Crystal) -> Iterator[Found]:
        held = crystal.measured.bulk_modulus_gpa if crystal.measured else None
        if held is not None:
            yield _ranged([held], sigma=MEASURED * held, basis="measured")
        rows = [10.0**row for row in self.tables.rows("mp_log10_bulk_modulus", crystal.key)]
        if rows:
            yield _ranged(rows, sigma=DFT_MODULUS * median(rows), basis="DFT table")
        if held is None and self.potential is not None and self.calibration is not None:
            found = self.potential.bulk_modulus_gpa(crystal.structure)
            if found is not None:
                value = self.calibration.modulus_factor * found
                yield _ranged([value], sigma=POTENTIAL_MODULUS * value, basis="potential")

    def _energy(self, crystal: Crystal, *, above_hull: bool) -> Iterator[Found]:
        key = crystal.key
        if key is None:
            return
        if above_hull and crystal.measured and crystal.measured.stable:
            yield _ranged([0.0], sigma=OBSERVED_STABLE_EV, basis="measured")
        rows = self.tables.rows("mp_formation_energy", key)
        lowest = rows[0] if rows else None
        tabled = self.tables.rows("mp_energy_above_hull", key)[:1] if above_hull else rows[:1]
        if above_hull and not tabled and lowest is not None:
            tabled = [max(0.0, self.tables.above_hull(key, lowest))]
        if tabled:
            yield _ranged(tabled, sigma=DFT_ENERGY_EV, basis="DFT table", note=BOUND)
        observed = above_hull and crystal.measured is not None and crystal.measured.stable
        if observed or self.potential is None or not self.tables.table("mp_formation_energy"):
            return
        energy = self.potential.formation_energy(crystal.structure)
        bounded = energy if lowest is None else max(energy, lowest)
        value = self.tables.above_hull(key, bounded) if above_hull else bounded
        yield _ranged([value], sigma=POTENTIAL_ENERGY_EV, basis="potential", note="this very structure")

    def _density(self, crystal: Crystal, *, volume: bool) -> Iterator[Found]:
        grams = float(Composition(crystal.structure.composition).weight) * 1.66053907
        atoms = len(crystal.structure)
        if crystal.measured:
            value = crystal.measured.density_g_per_cm3
            value = grams / atoms / value if volume else value
            yield _ranged([value], sigma=MEASURED * value, basis="measured")
            return
        factor = 1.0
        if crystal.report["crystal_record"] and self.calibration is not None:
            factor = self.calibration.volume_factor
        cell = factor * crystal.structure.volume
        value = cell / atoms if volume else grams / cell
        yield _ranged([value], sigma=CELL_DENSITY * value, basis="cell", note=f"volume times {factor:.3f}")

    def _tabled(self, name: str, key: Key) -> Iterator[Found]:
        table, basis = _TABLED[name]
        rows = self.tables.rows(table, key)
        if not rows:
            return
        rows = [10.0**row for row in rows] if name == "shear_modulus" else rows
        middle = median(rows)
        sigmas = {
            "measured_band_gap": MEASURED * middle,
            "computed_band_gap": DFT_GAP_EV,
            "refractive_index": DFT_INDEX * middle,
            "shear_modulus": DFT_MODULUS * middle,
        }
        yield _ranged(rows, sigma=sigmas[name], basis=basis)

    def check(
        self, crystal: Crystal, verdict: dict[str, Any], *, spec: dict[str, Any], run: str
    ) -> Check | None:
        """Check one verdict; None for a target that is only optimised or an answer `unknown`."""
        target = spec["targets"][verdict["target"]]
        limits = bounds(target)
        answer = verdict["answer"]
        if limits is None or answer not in ("met", "not met"):
            return None
        found, ended, strict, second = None, "undecided", None, ""
        for one in self.values(verdict["property"], crystal):
            says, exact = outcome(answer, one, low=limits[0], high=limits[1])
            if found is None or (ended == "undecided" and found.basis != "measured"):
                found, ended, strict = one, says, exact
                # The lowest row belongs to the formula: it can exclude a structure of it, not vouch for one.
                if one.note == BOUND and (says == "refuted") == (answer == "not met") and says != "undecided":
                    ended = "undecided" if answer == "not met" or self.potential is not None else ended
                if ended != "undecided" and one.basis != "measured":
                    break
            else:
                second = f"{one.basis} {one.middle:.4g}: {says}"
                break
        return Check(
            run=run,
            rank=crystal.report["rank"],
            formula=crystal.report["formula"],
            property=verdict["property"],
            target=f"{target['relation']} {target['value']:g}"
            + (f" to {target['upper']:g}" if target["upper"] else ""),
            answer=answer,
            stated=verdict["quantity"]["value"] if verdict["quantity"] else None,
            independent=found.middle if found else None,
            sigma=found.sigma if found else None,
            basis=found.basis if found else "none",
            outcome=ended,
            strict=strict,
            second=second,
            note=found.note if found else "no independent source",
        )

    def wishes(self, crystal: Crystal, *, spec: dict[str, Any], run: str) -> Iterator[Check]:
        """Check what the specification asks of composition, symmetry, size and novelty."""
        for name, wanted, holds in self._wishes(crystal, spec=spec):
            yield Check(
                run=run,
                rank=crystal.report["rank"],
                formula=crystal.report["formula"],
                property=name,
                target=wanted,
                answer="met",
                stated=None,
                independent=None,
                sigma=None,
                basis="crystal",
                outcome="undecided" if holds is None else "confirmed" if holds else "refuted",
                strict=holds,
            )

    def _wishes(self, crystal: Crystal, *, spec: dict[str, Any]) -> Iterator[tuple[str, str, bool | None]]:
        chemistry, wish = spec["chemistry"], spec["structure"]
        here = {str(element) for element in crystal.structure.composition}
        yield "formula", crystal.report["formula"], crystal.key == formula_key(crystal.report["formula"])
        yield "elements", f"with {chemistry['required']}", here.issuperset(chemistry["required"])
        for group in chemistry["any_of"]:
            yield "elements", f"one of {group}", bool(here & set(group))
        yield "elements", f"without {chemistry['excluded']}", not here & set(chemistry["excluded"])
        if chemistry["allowed"]:
            yield "elements", "only of those allowed", here <= set(chemistry["allowed"])
        if chemistry["formula"]:
            yield "formula", chemistry["formula"], crystal.key == formula_key(chemistry["formula"])
        fewest, most = chemistry["elements_min"], chemistry["elements_max"]
        yield "elements", f"{fewest} to {most}", fewest <= len(here) <= most
        if chemistry["earth_abundant"]:
            yield "elements", "earth-abundant", here <= COMMON_ELEMENTS
        if chemistry["non_toxic"]:
            yield "elements", "non-toxic", not any(self.facts.toxic(symbol) for symbol in here)
        atoms = len(crystal.structure.get_primitive_structure())
        yield (
            "atoms",
            f"{wish['atoms_min']} to {wish['atoms_max']}",
            wish["atoms_min"] <= atoms <= wish["atoms_max"],
        )
        if wish["space_groups"]:
            numbers = {
                SpacegroupAnalyzer(crystal.structure, symprec=p).get_space_group_number()
                for p in (0.01, 0.05, 0.1)
            }
            yield "space group", str(wish["space_groups"]), bool(numbers & set(wish["space_groups"]))
        if wish["prototype"]:
            yield "prototype", wish["prototype"], self._prototype(crystal, wish["prototype"])
        if spec["new_only"]:
            yield "novelty", "in no table", not self.listed(crystal)

    def _prototype(self, crystal: Crystal, name: str) -> bool | None:
        word = name.lower().replace(" ", "")
        like = [
            c for c in self.facts.crystals() if word in f"{c.prototype} {c.name}".lower().replace(" ", "")
        ]
        if any(StructureMatcher().fit_anonymous(crystal.structure, one.structure) for one in like):
            return True
        ratios = {tuple(sorted(amount for _, amount in formula_key(one.formula) or ())) for one in like}
        mine = tuple(sorted(amount for _, amount in crystal.key or ()))
        return False if ratios and mine not in ratios else None

    def listed(self, crystal: Crystal) -> list[str]:
        """Tables, and the measured crystals, in which the formula stands."""
        return self.tables.holding(crystal.key) + (
            ["measured crystals"] if self.facts.crystals(crystal.key) else []
        )


def _ranged(rows: Sequence[float], *, sigma: float, basis: str, note: str = "") -> Found:
    return Found(low=min(rows), high=max(rows), middle=median(rows), sigma=sigma, basis=basis, note=note)


def crystals_of(run: Path, report: dict[str, Any], *, facts: Facts) -> list[Crystal]:
    """The ranked candidates of a run. A CIF is found by its rank; raises `ValueError` when one cannot be read."""
    cifs = {int(path.name.split("_")[0]): path for path in sorted((run / "candidates").glob("*_*.cif"))}
    found: list[Crystal] = []
    for one in report["candidates"]:
        held = one["crystal"]
        structure = (
            Structure.from_file(cifs[one["rank"]])
            if one["rank"] in cifs
            else Structure(Lattice(held["lattice"]), held["species"], held["positions"])
        )
        found.append(Crystal(report=one, structure=structure, facts=facts))
    return found


def verify_run(
    run: Path, verifier: Verifier, *, limit: int | None, not_met: int
) -> tuple[list[Check], list[dict[str, Any]]]:
    """Check a run; return the checks and, for each crystal that meets, the lists in which its formula stands."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    spec = report["spec"]
    crystals = crystals_of(run, report, facts=verifier.facts)
    checks: list[Check] = []
    left = {"met": limit if limit is not None else sys.maxsize, "not met": not_met}
    for crystal in crystals:
        for verdict in crystal.report["verdicts"]:
            if left.get(verdict["answer"], 0) > 0:
                check = verifier.check(crystal, verdict, spec=spec, run=run.name)
                if check is not None:
                    checks.append(check)
                    left[verdict["answer"]] -= 1
        if crystal.report["meets"]:
            checks += verifier.wishes(crystal, spec=spec, run=run.name)
    answers = [
        {
            "run": run.name,
            "rank": one.report["rank"],
            "formula": one.report["formula"],
            "listed": verifier.listed(one),
        }
        for one in crystals
        if one.report["meets"]
    ]
    return checks, answers


def totals(checks: Iterable[Check]) -> dict[str, Any]:
    """Counts over the verdicts (wishes apart), by answer and by basis, and the share of false ones."""
    everything = list(checks)
    verdicts = [one for one in everything if one.basis != "crystal"]
    met = Counter(one.outcome for one in verdicts if one.answer == "met")
    decided = met["confirmed"] + met["refuted"]
    judged = [one for one in verdicts if one.strict is not None]
    return {
        "verdicts": len(verdicts),
        "by_answer": {
            answer: dict(Counter(one.outcome for one in verdicts if one.answer == answer))
            for answer in ("met", "not met")
        },
        "by_basis": {
            basis: dict(Counter(one.outcome for one in verdicts if one.basis == basis))
            for basis in sorted({one.basis for one in verdicts})
        },
        "false_met": met["refuted"],
        "false_share_of_decided_met": met["refuted"] / decided if decided else 0.0,
        "false_share_of_all": sum(one.outcome == "refuted" for one in verdicts) / len(verdicts)
        if verdicts
        else 0.0,
        "strict_right": sum(bool(one.strict) for one in judged),
        "strict_wrong": sum(not one.strict for one in judged),
        "strict_wrong_met": sum(not one.strict for one in judged if one.answer == "met"),
        "second_agrees": sum(one.second.endswith("confirmed") for one in verdicts),
        "second_refutes": sum(one.second.endswith("refuted") for one in verdicts),
        "wishes": dict(Counter(one.outcome for one in everything if one.basis == "crystal")),
    }


def passed(summary: dict[str, Any]) -> bool:
    """Whether few enough verdicts are false and no wish is broken."""
    return summary["false_share_of_decided_met"] <= LARGEST_FALSE_SHARE and not summary["wishes"].get(
        "refuted", 0
    )


def line(check: Check) -> str:
    """One check in one line."""
    stated = "" if check.stated is None else f" stated {check.stated:.4g}"
    other = "" if check.independent is None else f", independent {check.independent:.4g} ± {check.sigma:.2g}"
    second = f"; {check.second}" if check.second else ""
    note = f" ({check.note})" if check.note else ""
    return (
        f"{check.outcome.upper():9} {check.run} #{check.rank} {check.formula}: {check.property} {check.target}: "
        f"{check.answer}{stated}{other}, by {check.basis}{note}{second}"
    )


def show(checks: list[Check], summary: dict[str, Any], *, calibration: Calibration | None) -> None:
    """Print the false `met` first, then the other refuted ones, then the totals."""
    refuted = sorted((one for one in checks if one.outcome == "refuted"), key=lambda one: one.answer)
    print(f"false `met`, broken wishes and other refuted verdicts: {len(refuted)}")
    for one in refuted:
        print("  " + line(one))
    print(f"verdicts checked: {summary['verdicts']}")
    for kind in ("by_answer", "by_basis"):
        for name, counts in summary[kind].items():
            parts = ", ".join(
                f"{counts.get(word, 0)} {word}" for word in ("confirmed", "undecided", "refuted")
            )
            print(f"  {name:12} {parts}")
    print(
        f"false share of the decided `met`: {summary['false_share_of_decided_met']:.1%}; of all verdicts {summary['false_share_of_all']:.1%}"
    )
    print(
        f"without any tolerance: {summary['strict_right']} right, {summary['strict_wrong']} wrong, of these {summary['strict_wrong_met']} `met`"
    )
    print(
        f"second source beside a measured one: {summary['second_agrees']} agree, {summary['second_refutes']} refute"
    )
    print(f"wishes about composition, symmetry, size, novelty: {summary['wishes']}")
    if calibration is not None:
        print(
            f"potential: modulus times {calibration.modulus_factor:.3f} (scatter {calibration.modulus_sigma:.1%}), "
            f"volume times {calibration.volume_factor:.3f} ({calibration.volume_sigma:.1%}), "
            f"fitted on {calibration.crystals} measured crystals"
        )


def main() -> int:
    """Verify the runs given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder with a report.json")
    parser.add_argument("--limit", type=int, help="check at most this many `met` a run (default: all)")
    parser.add_argument("--not-met", type=int, default=20, help="check at most this many `not met` a run")
    parser.add_argument("--no-potential", action="store_true", help="use measured values and tables only")
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("MATSMITH_DATA", "")), help="folder of the tables"
    )
    parser.add_argument("--cache", type=Path, help="file that keeps the potential's answers between calls")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--all", action="store_true", help="print every check")
    parser.add_argument("--json-out", type=Path)
    options = parser.parse_args()
    potential = None
    if not options.no_potential:
        potential = StockPotential(data=options.data, cache=options.cache, device=options.device)
    verifier = Verifier(tables=Tables(options.data), facts=Facts(), potential=potential)
    checks: list[Check] = []
    answers: list[dict[str, Any]] = []
    for run in options.runs:
        try:
            found, known = verify_run(run, verifier, limit=options.limit, not_met=options.not_met)
        except (OSError, ValueError, KeyError) as error:
            print(f"{run}: cannot be checked: {error!r}", file=sys.stderr)
            return 2
        checks += found
        answers += known
    summary = totals(checks)
    used = verifier.__dict__.get("calibration")
    show(checks, summary, calibration=used)
    if options.all:
        for one in checks:
            print(line(one))
    if options.json_out:
        held = {"totals": summary, "calibration": asdict(used) if used else None, "answers": answers}
        held["checks"] = [asdict(one) for one in checks]
        options.json_out.write_text(json.dumps(held, indent=1), encoding="utf-8")
    return 0 if passed(summary) else 1


if __name__ == "__main__":
    sys.exit(main())
