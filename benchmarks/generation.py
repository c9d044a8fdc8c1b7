"""Free generation, element rules and property conditions of the crystal diffusion model that ships, with the goals beside.

    MATSMITH_DATA=DIR python benchmarks/generation.py --out DIR --n 1000 --reference training.npz --plot docs/generation_conditions.svg

Free generation: crystals of the sizes and elements that training had, nothing asked of them, judged by `matsmith evaluate`'s own code, relaxed
and held against the hull of the table of DFT formation energies; twice, as they come, and as `matsmith generate` gives them, which draws those again whose atoms
are too close, whose charges do not balance or that have no symmetry. Rules: element lists, formulas and exclusions, which every sample must obey.
Conditions: samples asked for one density or one bulk modulus each, against prototypes decorated at random with the training set's elements, which
nobody can ask for anything; density is that of the sample as it was generated, the bulk modulus that of the composition model by which most of the
training set was labelled too, so that it says whether the condition is followed and not whether the material is so stiff. A second call goes on
where the first one stopped.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from matsmith.core.crystal import Crystal, content_hash
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import MatsmithError, StructureError
from matsmith.core.settings import load_settings
from matsmith.knowledge.prototypes import decorate, prototypes
from matsmith.models.diffusion.data_format import CrystalTable, load_table, save_table
from matsmith.models.diffusion.requests import CrystalRequest
from matsmith.models.diffusion.sampling import SamplingSettings
from matsmith.models.diffusion.weights import DiffusionModel
from matsmith.tools.crystal_facts import density_of
from matsmith.tools.crystal_model import crystal_model, usual_sampling
from matsmith.tools.evaluation.asked import obeys_elements
from matsmith.tools.evaluation.evaluation import Choices, evaluate
from matsmith.tools.evaluation.figures import Figure, share
from matsmith.tools.evaluation.samples import Sample, of_table
from matsmith.tools.sound_crystals import FAULTS, TRIES, generate_sound
from matsmith.tools.training_labels import composition_moduli

GOALS: dict[str, tuple[str, float]] = {
    "structure_valid": ("at least", 0.98),
    "unique": ("at least", 0.95),
    "hull_0.1": ("at least", 0.40),
    "hull_0.05": ("at least", 0.20),
    "sun_0.1": ("at least", 0.15),
    "rmsd": ("under", 0.2),
    "obeys_elements": ("at least", 1.0),
}
RULES: tuple[dict[str, tuple[str, ...]], ...] = (
    {"required": ("Li", "P", "S"), "allowed": ("Li", "P", "S")},
    {"required": ("Fe", "Sn"), "allowed": ("Fe", "Sn")},
    {"required": ("O",), "excluded": ("Co", "Ni")},
    {"required": ("Ti",), "allowed": ("Ti", "N", "C", "B")},
    {"excluded": ("O", "F", "Cl")},
    {"allowed": ("Mg", "Al", "Si", "O")},
)
TARGETS = {
    "density_g_cm3": (2.0, 4.0, 6.0, 8.0, 10.0, 12.0),
    "bulk_modulus_gpa": (30.0, 80.0, 130.0, 180.0, 230.0, 280.0),
}
TITLES = {
    "density_g_cm3": "density (g/cm³)",
    "bulk_modulus_gpa": "bulk modulus by the composition model (GPa)",
}


def made(
    model: DiffusionModel,
    requests: Sequence[CrystalRequest],
    *,
    file: Path,
    settings: SamplingSettings,
    seed: int,
    tries: int = 1,
) -> tuple[list[Sample], dict[str, Any]]:
    """Samples of the requests, from the file where an earlier call has left them; with the seconds that making them took and what was drawn again.

    First draws are kept beside those that were drawn again, as a call with one try gives them.
    """

    def place(tries: int) -> Path:
        return file.with_stem(f"{file.stem}-{content_hash({**asdict(settings), 'tries': tries}, digits=6)}")

    def keep(table: CrystalTable, tries: int, told: dict[str, Any]) -> None:
        save_table(table, place(tries))
        place(tries).with_suffix(".json").write_text(json.dumps(told))

    if not place(tries).with_suffix(".json").is_file():
        begun = time.perf_counter()
        found = generate_sound(
            model,
            requests,
            settings=settings,
            seed=seed,
            tries=tries,
            report=lambda done, total: print(f"{file.stem}: {done} of {total}", file=sys.stderr, flush=True),
        )
        first, last = (
            Counter(FAULTS[fault] for fault in faults if fault)
            for faults in (found.first_faults, found.faults)
        )
        if tries > 1:
            keep(found.first, 1, {"draws": len(requests), "unsound_at_first": first})
        told: dict[str, Any] = {"seconds": time.perf_counter() - begun, "draws": sum(found.tries)}
        keep(found.table, tries, told | {"unsound_at_first": first, "unsound_at_last": last})
    # Read back, so that both ways give the same crystals.
    samples = list(of_table(load_table(place(tries)), name=place(tries).name))
    return samples, json.loads(place(tries).with_suffix(".json").read_text())


def numbers(symbols: Sequence[str]) -> frozenset[int]:
    """Atomic numbers of symbols."""
    return frozenset(SYMBOLS.index(symbol) + 1 for symbol in symbols)


def obedience(model: DiffusionModel, *, each: int, out: Path) -> Figure:
    """The share of samples that have the elements that were asked for."""
    requests: list[CrystalRequest] = []
    for rules in RULES:
        requests += [
            CrystalRequest(
                allowed=numbers(rules["allowed"]) if "allowed" in rules else None,
                required=numbers(rules.get("required", ())),
                excluded=numbers(rules.get("excluded", ())),
            )
        ] * each
    samples, _ = made(model, requests, file=out / "rules.npz", settings=usual_sampling(), seed=1)
    asked = [rules for rules in RULES for _ in range(each)]
    hits = sum(
        sample.crystal is not None
        and obeys_elements({key: list(symbols) for key, symbols in rules.items()}, sample.crystal)
        for sample, rules in zip(samples, asked, strict=True)
    )
    return share("obeys_elements", "has the elements asked for", hits, len(samples))


def random_decorations(model: DiffusionModel, *, count: int, seed: int) -> list[Crystal]:
    """Prototypes of the library with elements drawn as often as training had them, at the volume expected for them."""
    draw = np.random.default_rng(seed)
    library = [one for one in prototypes(atoms_max=model.card.network.max_atoms) if len(one.slots) > 1]
    known = sorted(model.card.elements) or list(range(1, 84))
    weights = np.array([float(model.card.elements.get(number, 1)) for number in known])
    found: list[Crystal] = []
    while len(found) < count:
        prototype = library[int(draw.integers(len(library)))]
        chosen = draw.choice(known, len(prototype.slots), replace=False, p=weights / weights.sum())
        symbols = [SYMBOLS[int(number) - 1] for number in chosen]
        try:
            decorated = decorate(prototype, dict(zip(prototype.slots, symbols, strict=True)))
        except StructureError:
            continue  # an element without a radius
        found.append(Crystal.from_pymatgen(decorated))
    return found


def _densities(crystals: Sequence[Crystal]) -> list[float]:
    return [density_of(crystal) for crystal in crystals]


def _moduli(crystals: Sequence[Crystal]) -> list[float]:
    return composition_moduli([crystal.formula for crystal in crystals])


def followed(
    model: DiffusionModel, name: str, *, each: int, strengths: Sequence[float], out: Path
) -> dict[str, Any]:
    """Mean and spread of a property of samples asked for each target, by strength of guidance, and of decorations at random."""
    measure: Callable[[Sequence[Crystal]], list[float]] = (
        _densities if name.startswith("density") else _moduli
    )
    curves: dict[str, list[tuple[float, float, float, int]]] = {}
    slopes: dict[str, float] = {}
    for strength in strengths:
        label = f"guidance {strength:g}"
        rows: list[tuple[float, float, float, int]] = []
        requests = [
            CrystalRequest(conditions={name: target}) for target in TARGETS[name] for _ in range(each)
        ]
        samples, _ = made(
            model,
            requests,
            file=out / f"{name}-{strength:g}.npz",
            settings=usual_sampling(guidance={name: strength}),
            seed=2,
        )
        for place, target in enumerate(TARGETS[name]):
            part = [one.crystal for one in samples[place * each : (place + 1) * each] if one.crystal]
            rows.append(_row(target, measure(part)))
        curves[label] = rows
        slopes[label] = float(np.polyfit([row[0] for row in rows], [row[1] for row in rows], 1)[0])
    blind = measure(random_decorations(model, count=each * len(TARGETS[name]), seed=3))
    curves["decorated at random"] = [
        _row(target, blind[place * each : (place + 1) * each]) for place, target in enumerate(TARGETS[name])
    ]
    return {"targets": TARGETS[name], "each": each, "curves": curves, "slopes": slopes}


def _row(target: float, values: Sequence[float]) -> tuple[float, float, float, int]:
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return target, float("nan"), float("nan"), 0
    return target, float(known.mean()), float(known.std()), len(known)


def plot(results: dict[str, Any], path: Path) -> None:
    """A panel a condition: mean and spread of what came against what was asked."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    library: Any = pyplot
    figure, panels = library.subplots(
        1, len(results), figsize=(5 * len(results), 4.2), constrained_layout=True
    )
    colours = ("#1f5fa8", "#b3541e", "#3a7d44")
    drawn: list[Any] = list(panels) if len(results) > 1 else [panels]
    for panel, (name, result) in zip(drawn, results.items(), strict=True):
        targets = result["targets"]
        panel.plot(targets, targets, color="#999999", linewidth=1, linestyle=":", label="as asked")
        styled = zip(result["curves"].items(), (*colours, *colours), strict=False)
        for (label, rows), colour in styled:
            blind = label.startswith("decorated")
            x, y, spread, _ = (np.array(column) for column in zip(*rows, strict=True))
            shade = "#777777" if blind else colour
            panel.plot(x, y, "s--" if blind else "o-", color=shade, label=label)
            panel.fill_between(x, y - spread, y + spread, color=shade, alpha=0.12, linewidth=0)
        panel.set_xlabel(f"asked: {TITLES[name]}")
        panel.set_ylabel("mean of the samples, with their spread")
        panel.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def show(figures: Sequence[Figure], *, reference_valid: float | None) -> None:
    """One line a figure, goals beside."""
    for figure in figures:
        goal = GOALS.get(figure.name)
        words = (
            ""
            if goal is None
            else f"  goal: {goal[0]} {100 * goal[1]:g} %"
            if figure.unit == "%"
            else f"  goal: {goal[0]} {goal[1]:g}"
        )
        if figure.name == "composition_valid" and reference_valid is not None:
            words = f"  goal: within 5 points of the training set's {100 * reference_valid:.1f} %"
        print(f"{figure.title:<58} {figure.text:>28} {figure.unit:<6}{words}")


def main() -> int:
    """Run what is asked for, print it and keep it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--n", type=int, default=1000, help="samples of free generation; 0 leaves it out")
    parser.add_argument("--rules-n", type=int, default=20, help="samples a rule; 0 leaves them out")
    parser.add_argument("--each", type=int, default=60, help="samples a target; 0 leaves conditions out")
    parser.add_argument("--guidance", default="1,2", help="strengths of a condition")
    parser.add_argument("--weights", type=Path, help="in place of those that ship")
    parser.add_argument("--reference", type=Path, help="table of the training set")
    parser.add_argument("--relax", type=int, default=10**9, help="how many are relaxed; 0: none")
    parser.add_argument("--relax-first", type=int, default=10**9, help="how many of those as they come are")
    parser.add_argument("--steps", type=int, default=300, help="evaluations a relaxation, at most")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    results: dict[str, Any] = {}
    try:
        settings = load_settings()
        model = crystal_model(settings, given.weights)
        out = given.out / model.sha256[:12]
        out.mkdir(parents=True, exist_ok=True)
        results |= {"weights": model.sha256, "trained_on": model.card.trained_on}
        figures: list[Figure] = []
        known = None
        if given.reference is not None:
            table = load_table(given.reference)
            known = list(of_table(table.select(table.in_split("train")), name=given.reference.name))
        # Those that are drawn again come first: as they come is what they were at first.
        for name, tries in (("free-sound", TRIES), ("free", 1)) if given.n else ():
            samples, told = made(
                model,
                [CrystalRequest()] * given.n,
                file=out / f"free-{given.n}.npz",
                settings=usual_sampling(),
                seed=0,
                tries=tries,
            )
            print(
                f"{given.n} crystals, {'as they come' if tries == 1 else f'drawn {tries} times at most'}: {told}"
            )
            results[name] = told
            relaxed = min(given.relax, given.n) if tries > 1 else min(given.relax_first, given.n)
            for part, relax in {given.n: relaxed == given.n, relaxed: True}.items():
                if not part:
                    continue
                found = evaluate(
                    samples[:part],
                    out=out / f"{name}-{part}",
                    settings=settings,
                    choices=Choices(relax=relax, arguments={"max_steps": given.steps}),
                    reference=known,
                    hear=_heard,
                    # Those that were sound at first are in both, and relaxed once.
                    kept_in=out / "relaxations",
                )
                results[name] |= {f"figures_of_{part}": [figure.plain() for figure in found.figures]}
                reference_valid = next(
                    (f.value for f in found.figures if f.name == "reference_composition_valid"), None
                )
                print(f"{'all' if part == given.n else 'the first'} {part}{', relaxed' if relax else ''}:")
                show(found.figures, reference_valid=reference_valid)
        if given.rules_n:
            figures.append(obedience(model, each=given.rules_n, out=out))
        conditions = [name for name in TARGETS if name in model.card.network.scalars and given.each]
        strengths = [float(word) for word in given.guidance.split(",")]
        results["conditions"] = {
            name: followed(model, name, each=given.each, strengths=strengths, out=out) for name in conditions
        }
    except MatsmithError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    results["figures"] = [figure.plain() for figure in figures]
    show(figures, reference_valid=None)
    for name, result in results["conditions"].items():
        print(f"\n{TITLES[name]}, {result['each']} samples a target: mean ± spread")
        for label, rows in result["curves"].items():
            told = "  ".join(f"{target:g}: {mean:.4g} ± {spread:.2g}" for target, mean, spread, _ in rows)
            slope = result["slopes"].get(label)
            print(f"  {label:<20} {told}{'' if slope is None else f'  slope {slope:.2f}'}")
    if given.plot is not None and results["conditions"]:
        plot(results["conditions"], given.plot)
    if given.json is not None:
        given.json.write_text(json.dumps(results, indent=1, default=str))
    return 0


def _heard(stage: str, done: int, total: int) -> None:
    if done and (done == total or done % max(1, total // 20) == 0):
        print(f"{stage}: {done} of {total}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
