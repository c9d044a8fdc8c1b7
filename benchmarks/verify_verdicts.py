"""Recompute the verdicts of finished runs by other means and say which do not hold; shares no code with the package.

    MATSMITH_DATA=DIR python benchmarks/verify_verdicts.py RUN... [--limit N] [--not-met 20] [--no-potential] [--json-out FILE]

For every verdict `met`, and some `not met`, an independent value is sought, best source first: a measured value (formula and
structure matched), a DFT table (all rows of the formula), stock CHGNet on the crystal's CIF. Energies above the hull are taken
from a hull of the DFT table whose missing binaries are filled with measured enthalpies; the note says when such a phase spans it.
A verdict is refuted when that value lies on the other side of the threshold by more than its own one-sigma error, undecided within
it; the strict counts allow no error. Where a verdict rests on the same measured crystal that the check reads, the reading is checked
and not the measurement: how often DFT agrees is printed beside. A potential sees nothing that the package's potential could not: it
checks code, not physics.
Exit status 1 when more than 2 % of the decided `met` are refuted, or a crystal that meets its objective breaks a wish.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from independent_facts import Facts
from independent_hull import CompletedTables
from independent_potential import StockPotential
from independent_values import Crystal, Found, Sources
from independent_wishes import listed, wishes
from pymatgen.core import Lattice, Structure
from verdict_checks import Check, line, passed, show, totals


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


def check(
    crystal: Crystal, verdict: dict[str, Any], *, sources: Sources, spec: dict[str, Any], run: str
) -> Check | None:
    """Check one verdict; None for a target that is only optimised or an answer `unknown`."""
    target = spec["targets"][verdict["target"]]
    limits = bounds(target)
    answer = verdict["answer"]
    if limits is None or answer not in ("met", "not met"):
        return None
    found, ended, strict, second = None, "undecided", None, ""
    for one in sources.values(verdict["property"], crystal):
        says, exact = outcome(answer, one, low=limits[0], high=limits[1])
        if found is None or (ended == "undecided" and found.basis != "measured"):
            found, ended, strict = one, says, exact
            # The lowest row belongs to the formula: it can exclude a structure of it, not vouch for one.
            if one.bound and (says == "refuted") == (answer == "not met") and says != "undecided":
                ended = "undecided" if answer == "not met" or sources.potential is not None else ended
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


def check_wishes(crystal: Crystal, *, sources: Sources, spec: dict[str, Any], run: str) -> Iterator[Check]:
    """Check what the specification asks of composition, symmetry, size and novelty."""
    for name, wanted, holds in wishes(crystal, spec=spec, tables=sources.tables, facts=sources.facts):
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
    meeting = [one for one in found if one.report["meets"]]
    for crystal in found:
        crystal.polymorphs = [one for one in meeting if one is not crystal and one.key == crystal.key]
    return found


def verify_run(
    run: Path, sources: Sources, *, limit: int | None, not_met: int
) -> tuple[list[Check], list[dict[str, Any]]]:
    """Check a run; return the checks and, for each crystal that meets, the lists in which its formula stands."""
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    spec = report["spec"]
    crystals = crystals_of(run, report, facts=sources.facts)
    checks: list[Check] = []
    left = {"met": limit if limit is not None else sys.maxsize, "not met": not_met}
    for crystal in crystals:
        for verdict in crystal.report["verdicts"]:
            if left.get(verdict["answer"], 0) > 0:
                checked = check(crystal, verdict, sources=sources, spec=spec, run=run.name)
                if checked is not None:
                    checks.append(checked)
                    left[verdict["answer"]] -= 1
        if crystal.report["meets"]:
            checks += check_wishes(crystal, sources=sources, spec=spec, run=run.name)
    answers = [
        {
            "run": run.name,
            "rank": one.report["rank"],
            "formula": one.report["formula"],
            "listed": listed(one, tables=sources.tables, facts=sources.facts),
        }
        for one in crystals
        if one.report["meets"]
    ]
    return checks, answers


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
    sources = Sources(tables=CompletedTables(options.data), facts=Facts(), potential=potential)
    checks: list[Check] = []
    answers: list[dict[str, Any]] = []
    for run in options.runs:
        try:
            found, known = verify_run(run, sources, limit=options.limit, not_met=options.not_met)
        except (OSError, ValueError, KeyError) as error:
            print(f"{run}: cannot be checked: {error!r}", file=sys.stderr)
            return 2
        checks += found
        answers += known
    summary = totals(checks)
    used = sources.__dict__.get("calibration")
    offsets = sources.tables.offsets
    show(checks, summary, calibration=used, offsets=offsets)
    if options.all:
        for one in checks:
            print(line(one))
    if options.json_out:
        held = {"totals": summary, "calibration": asdict(used) if used else None, "answers": answers}
        held["offsets"] = {anion: asdict(offset) for anion, offset in offsets.items()}
        held["checks"] = [asdict(one) for one in checks]
        options.json_out.write_text(json.dumps(held, indent=1), encoding="utf-8")
    return 0 if passed(summary) else 1


if __name__ == "__main__":
    sys.exit(main())
