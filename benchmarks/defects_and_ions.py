"""Errors of the tools for vacancies, surfaces, voltages, windows and barriers against cited references, and what is fitted to them.

    python benchmarks/defects_and_ions.py            # compute what is missing, print the tables
    python benchmarks/defects_and_ions.py --write    # and write src/matsmith/knowledge/method_errors.json

The tools themselves are run, on measured crystals. Every corrected figure is for a reference that was left out of the fit of its
correction. Results are kept in `--store`, so that a second run prints at once and an interrupted one goes on.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import reference_statistics as statistics
import yaml
from fitted_file import version_of, write_json
from numpy.typing import NDArray
from reference_computed import Store

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings, load_settings
from matsmith.knowledge.crystals import find
from matsmith.knowledge.reference_values import reference_values
from matsmith.tools.base import Deps, Tool
from matsmith.tools.potential import weights_hash
from matsmith.tools.registry import get_tool

FloatArray = NDArray[np.float64]
HERE = Path(__file__).parent
OUTPUT = HERE.parent / "src" / "matsmith" / "knowledge" / "method_errors.json"
_FARADAY_KJ_PER_MOL_V = 96.48533212
_CHARGES = {"Li": 1, "Na": 1, "K": 1, "Mg": 2, "Ca": 2}
# Of one or three references nothing can be fitted: no correction, and errors that cover what is seen.
_ASSUMED = {
    "vacancy_formation_energy:compound": (0.35, 0.5),
    "migration_barrier:compound": (0.5, 0.15),
    "voltage:other": (0.0, 0.4),
}
_NO_REDOX = {"LiC6"}
_WIDER: tuple[float, ...] = tuple(1 + 0.05 * k for k in range(21))


@dataclass(frozen=True, kw_only=True)
class Case:
    """One reference: what to compute, from which structures, and what it should be."""

    label: str
    tool: str
    args: dict[str, Any]
    crystals: dict[str, Crystal]
    fact: str
    value: float

    @property
    def key(self) -> str:
        """Where its result is kept."""
        hashes = [crystal.canonical_hash for crystal in self.crystals.values()]
        version = get_tool(self.tool).version
        return json.dumps(
            [self.tool, version, self.label, self.args, hashes, weights_hash()[:12]], sort_keys=True
        )


def _crystal(formula: str, name: str = "") -> Crystal:
    found = [crystal for crystal in find(formula) if not name or crystal.name == name]
    return Crystal.from_pymatgen(found[0].structure().get_primitive_structure())


def _built(cell: Mapping[str, Any]) -> Crystal:
    from pymatgen.core import Lattice, Structure

    sites: list[list[Any]] = cell["sites"]
    structure = Structure.from_spacegroup(  # pyright: ignore[reportUnknownMemberType]
        cell["group"],
        Lattice.from_parameters(*cell["lattice"]),
        [s[0] for s in sites],
        [s[1:] for s in sites],
    )
    return Crystal.from_pymatgen(structure.get_primitive_structure())


def voltage_cases(rows: Sequence[Mapping[str, Any]]) -> list[Case]:
    """Cathodes and anodes."""
    cases: list[Case] = []
    for row in rows:
        if "frame" in row:
            structure = _crystal(row["frame"]).to_pymatgen()
            structure.replace_species(row.get("swap", {}))
            if "repeat" in row:
                structure.make_supercell(row["repeat"])
            crystals = {"s": Crystal.from_pymatgen(structure)}
        else:
            crystals = {"s": _built(row["cell"])}
        args: dict[str, Any] = {"structure": "s", "ion": row["ion"]}
        if "charged" in row:
            crystals["c"] = _built(row["charged"])
            args["charged"] = "c"
        elif row["remaining"]:
            args["remaining"] = [row["remaining"]]
        cases.append(
            Case(
                label=row["formula"],
                tool="intercalation_voltage",
                args=args,
                crystals=crystals,
                fact="uncorrected_voltage_v",
                value=float(row["volt"]),
            )
        )
    return cases


def _case(label: str, tool: str, fact: str, value: float, crystal: Crystal, **args: Any) -> Case:
    return Case(
        label=label,
        tool=tool,
        args={"structure": "s", **args},
        crystals={"s": crystal},
        fact=fact,
        value=value,
    )


def all_cases(table: Mapping[str, Any]) -> dict[str, list[Case]]:
    """Every reference, by the entry of the errors that it counts for."""
    vacancy = partial(_case, tool="vacancy_formation", fact="uncorrected_energy_ev")
    surface = partial(_case, tool="surface_energy", fact="uncorrected_energy_j_per_m2")
    barrier = partial(_case, tool="migration_barrier", fact="uncorrected_barrier_ev")
    measured = reference_values()
    cathodes = voltage_cases(table["voltages"])
    planes = [
        surface(r["formula"], value=r["energy"], crystal=_crystal(r["formula"], r["name"]), plane=r["plane"])
        for r in table["surfaces"]
    ]
    return {
        "voltage:redox": [case for case in cathodes if case.label not in _NO_REDOX],
        "voltage:other": [case for case in cathodes if case.label in _NO_REDOX],
        "surface_energy:element": [
            surface(v.formula, value=v.value, crystal=_crystal(v.formula, v.name))
            for v in measured
            if v.property == "surface_energy"
        ]
        + [case for case in planes if len(case.crystals["s"].elements) == 1],
        "surface_energy:compound": [case for case in planes if len(case.crystals["s"].elements) > 1],
        "vacancy_formation_energy:element": [
            vacancy(v.formula, value=v.value, crystal=_crystal(v.formula, v.name))
            for v in measured
            if v.property == "vacancy_formation_energy"
        ],
        "vacancy_formation_energy:compound": [
            vacancy(
                r["formula"],
                value=r["energy"],
                crystal=_crystal(r["formula"], r["name"]),
                element=r["element"],
            )
            for r in table["vacancies"]
        ],
        "migration_barrier:element": [
            barrier(r["formula"], value=r["barrier"], crystal=_crystal(r["formula"], r["name"]), ion=r["ion"])
            for r in table["barriers"]
            if r["formula"] == r["ion"]
        ],
        "migration_barrier:compound": [
            barrier(
                r["formula"],
                value=r["barrier"],
                crystal=_crystal(r["formula"], r["name"]),
                ion=r["ion"],
                max_hops=1,
            )
            for r in table["barriers"]
            if r["formula"] != r["ion"]
        ],
    }


def compute(cases: Sequence[Case], *, store: Store, settings: Settings) -> None:
    """Run the tool on what is missing; failures are kept as such. Long ones run one by one, so that each is kept."""
    missing = [case for case in cases if store.get(case.key) is None]
    together = len(missing) if missing and missing[0].tool != "migration_barrier" else 1
    for begin in range(0, len(missing), max(1, together)):
        _compute_together(missing[begin : begin + together], store=store, settings=settings)


def _compute_together(missing: Sequence[Case], *, store: Store, settings: Settings) -> None:
    tool: Tool = get_tool(missing[0].tool)
    inputs: dict[str, Crystal] = {}
    batch: list[Any] = []
    for number, case in enumerate(missing):
        inputs |= {f"{name}{number}": crystal for name, crystal in case.crystals.items()}
        renamed = {
            name: f"{value}{number}" if name in ("structure", "charged") else value
            for name, value in case.args.items()
        }
        batch.append(tool.args.model_validate(renamed))
    deps = Deps(settings=settings, inputs=inputs)
    for index, outcome in tool.run_many(batch, deps=deps):
        case = missing[index]
        value = None if outcome.failure is not None else cast("float", outcome.facts[case.fact])
        reason = "" if outcome.failure is None else f"{outcome.failure.code}: {outcome.failure.message}"
        store.put(case.key, {"value": value, "reason": reason})
        print(f"  computed {case.tool} {case.label}: {value} {reason}", flush=True)


def window_pairs(table: Mapping[str, Any], settings: Settings) -> list[tuple[str, float, float]]:
    """Salt, measured and computed voltage at which it is oxidised to its elements, from the phases at hand."""
    from pymatgen.core import Composition

    from matsmith.core.errors import DataError
    from matsmith.knowledge.references import references_for

    pairs: list[tuple[str, float, float]] = []
    for row in table["salts"]:
        amounts: dict[str, float] = {
            str(k): float(v) for k, v in Composition(row["formula"]).get_el_amt_dict().items()
        }
        ion = row["ion"]
        charge = _CHARGES[ion] * amounts[ion]
        measured = -row["gibbs"] / (charge * _FARADAY_KJ_PER_MOL_V)
        try:
            references = references_for(
                list(amounts), data_dir=settings.data_dir, cache_dir=settings.cache_dir
            )
        except DataError:
            continue
        phase = references.phase(row["formula"])
        if phase is not None:
            computed = -phase.formation_energy_ev_per_atom * sum(amounts.values()) / charge
            pairs.append((row["formula"], measured, computed))
    return pairs


Fit = Callable[[FloatArray, FloatArray], Callable[[FloatArray], FloatArray]]


def law(computed: FloatArray, measured: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """ln(measured / computed) linear in ln(computed)."""
    fitted = statistics.fit(np.log(computed)[:, None], np.log(measured / computed))
    low, high = float(np.log(computed).min()), float(np.log(computed).max())
    return lambda x: x * np.exp(fitted.shift(np.clip(np.log(x), low, high)[:, None]))


def one_factor(computed: FloatArray, measured: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """One factor, the median."""
    factor = float(np.median(measured / computed))
    return lambda x: factor * x


def one_shift(computed: FloatArray, measured: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """One shift, the median."""
    shift = float(np.median(measured - computed))
    return lambda x: x + shift


def line(computed: FloatArray, measured: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Factor and shift by least squares with Huber's weights."""
    fitted = statistics.fit(computed[:, None], measured - computed)
    return lambda x: x + fitted.shift(x[:, None])


def left_out(fit: Fit, computed: FloatArray, measured: FloatArray) -> FloatArray:
    """Corrected values, each by a fit to the others, shape (n,)."""
    found = np.empty(len(computed))
    for k in range(len(computed)):
        rest = np.arange(len(computed)) != k
        found[k] = fit(computed[rest], measured[rest])(computed[k : k + 1])[0]
    return found


def report(
    name: str,
    labels: Sequence[str],
    measured: FloatArray,
    computed: FloatArray,
    ways: Mapping[str, Fit],
    *,
    relative: bool,
) -> dict[str, tuple[float, float]]:
    """Print one table; returns of each way the sigma and the share of left-out references within it."""
    unit = measured if relative else np.ones(len(measured))
    print(f"\n{name}: {len(labels)} references")
    chosen = {way: left_out(fit, computed, measured) for way, fit in ways.items()}
    for k in np.argsort(measured):
        corrected = "   ".join(f"{way} {values[k]:6.3f}" for way, values in chosen.items())
        print(
            f"  {labels[k]:12s} reference {measured[k]:6.3f}   computed {computed[k]:6.3f}   left out: {corrected}"
        )
    found: dict[str, tuple[float, float]] = {}
    for way, values in {"as computed": computed, **chosen}.items():
        residual = (values - measured) / unit
        sigma = statistics.sigma_of(residual)
        others = np.array([statistics.sigma_of(np.delete(residual, k)) for k in range(len(residual))])
        # Of few references the quantile of the others is too small: widened until it covers what a sigma claims.
        wider = next(
            (f for f in _WIDER if np.mean(np.abs(residual) <= f * others) >= statistics.ONE_SIGMA[0]),
            _WIDER[-1],
        )
        inside = float(np.mean(np.abs(residual) <= wider * others))
        found[way] = (wider * sigma, inside)
        print(
            f"  {way:14s} median error {np.median(np.abs(residual)):.3f}, 90th percentile {np.percentile(np.abs(residual), 90):.3f}, "
            f"sigma {wider * sigma:.3f}{' of the value' if relative else ''} (widened {wider:.2f} times), "
            f"within one sigma of the others' {inside:.2f}"
        )
    return found


def entry(
    name: str,
    computed: FloatArray,
    measured: FloatArray,
    *,
    way: str,
    sigma: float,
    relative: bool,
    what: str,
) -> dict[str, Any]:
    """One entry of the file, fitted to every reference; the sigma is that of left-out ones."""
    held: dict[str, Any] = {}
    if way == "law":
        fitted = statistics.fit(np.log(computed)[:, None], np.log(measured / computed))
        held = {
            "intercept": round(fitted.intercept, 5),
            "slope": round(float(fitted.coefficients[0]), 5),
            "ln_range": [round(float(np.log(computed).min()), 4), round(float(np.log(computed).max()), 4)],
        }
    elif way == "line":
        fitted = statistics.fit(computed[:, None], measured - computed)
        held = {"factor": round(1 + float(fitted.coefficients[0]), 5), "shift": round(fitted.intercept, 5)}
    elif way == "shift":
        held = {"shift": round(float(np.median(measured - computed)), 5)}
    elif way == "factor":
        held = {"factor": round(float(np.median(measured / computed)), 5)}
    held["relative_sigma" if relative else "absolute_sigma"] = round(sigma, 4)
    held["references"] = len(computed)
    held["source"] = (
        f"{len(computed)} {what} (benchmarks/defects_and_ions.yaml, knowledge/reference_values.json)"
    )
    held["version"] = version_of([name, held])
    return held


_PLAN: dict[str, tuple[bool, dict[str, Fit], str, str]] = {
    "voltage:redox": (False, {"shift": one_shift, "line": line}, "shift", "measured mean voltages"),
    "surface_energy:element": (True, {"factor": one_factor, "law": law}, "law", "measured surface energies of metals"),
    "surface_energy:compound": (True, {"factor": one_factor}, "as computed", "measured cleavage energies"),
    "vacancy_formation_energy:element": (
        True, {"factor": one_factor, "law": law}, "law", "measured vacancy formation energies of metals"
    ),
    "migration_barrier:element": (True, {"factor": one_factor, "law": law}, "factor", "measured barriers of vacancies in metals"),
    "window_limit": (False, {"shift": one_shift}, "shift", "decomposition voltages of binary salts"),
}  # fmt: skip


def main() -> None:
    """Compute, print, and write when asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write knowledge/method_errors.json")
    parser.add_argument(
        "--store", type=Path, default=Path(tempfile.gettempdir()) / "matsmith-defects-and-ions.jsonl"
    )
    parser.add_argument("--stored-only", action="store_true", help="compute nothing, print what is stored")
    parser.add_argument("--only", default="", help="one entry, such as voltage")
    options = parser.parse_args()
    settings = load_settings()
    table: dict[str, Any] = yaml.safe_load((HERE / "defects_and_ions.yaml").read_text(encoding="utf-8"))
    store = Store(options.store)
    written: dict[str, Any] = json.loads(OUTPUT.read_text(encoding="utf-8"))
    for name, cases in all_cases(table).items():
        if options.only and not name.startswith(options.only):
            continue
        if not options.stored_only:
            compute(cases, store=store, settings=settings)
        held: list[tuple[Case, dict[str, Any]]] = [(case, store.get(case.key) or {}) for case in cases]
        pairs = [
            (case.label, case.value, float(kept["value"]))
            for case, kept in held
            if kept.get("value") is not None
        ]
        _settle(name, pairs, written)
        for case, kept in held:
            if kept.get("value") is None:
                print(f"  not computed: {case.label} {kept.get('reason', '')}")
    if not options.only or options.only == "window_limit":
        _settle("window_limit", window_pairs(table, settings), written)
    if options.write:
        write_json(OUTPUT, written, sort_keys=True)


def _settle(name: str, pairs: Sequence[tuple[str, float, float]], written: dict[str, Any]) -> None:
    """Print one table and put its entry in place."""
    labels = [label for label, _, _ in pairs]
    if name in _ASSUMED:
        relative, absolute = _ASSUMED[name]
        for label, reference, value in pairs:
            print(
                f"\n{name}: {label} reference {reference:.3f}, computed {value:.3f} (nothing is fitted to {len(pairs)})"
            )
        written[name] = {
            "relative_sigma": relative,
            "absolute_sigma": absolute,
            "references": len(pairs),
            "source": f"assumed: held against {len(pairs)} reference{'s' if len(pairs) > 1 else ''} alone (benchmarks/defects_and_ions.yaml)",
            "version": f"assumed-{relative}-{absolute}",
        }
        return
    relative, ways, way, what = _PLAN[name]
    if len(pairs) < 3:
        return
    measured, computed = (np.array([pair[k] for pair in pairs]) for k in (1, 2))
    found = report(name, labels, measured, computed, ways, relative=relative)
    written[name] = entry(
        name, computed, measured, way=way, sigma=found[way][0], relative=relative, what=what
    )


if __name__ == "__main__":
    main()
