"""The evaluation of a generator's samples as a whole: every share is over all samples, the unreadable ones included."""

from __future__ import annotations

import csv
import importlib.metadata
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matsmith.core.crystal import Crystal
from matsmith.core.settings import Settings
from matsmith.tools.duplicates import merge
from matsmith.tools.evaluation.asked import (
    has_element_rules,
    measured,
    obeys_elements,
    wanted_values,
)
from matsmith.tools.evaluation.comparison import groups_with_disorder
from matsmith.tools.evaluation.coverage import compared
from matsmith.tools.evaluation.energies import Energy, relaxed_energies
from matsmith.tools.evaluation.figures import Figure, share
from matsmith.tools.evaluation.measures import composition_method, is_composition_valid
from matsmith.tools.evaluation.predictions import prediction_figures
from matsmith.tools.evaluation.rows import Row, measured_rows
from matsmith.tools.evaluation.samples import Sample
from matsmith.tools.evaluation.summary import Judged, summarised

FIGURES, TABLE, ROWS, RELAXED = "evaluation.json", "evaluation.csv", "samples.csv", "relaxed"
Hear = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What to evaluate besides validity, uniqueness and novelty.

    `relax` adds energies, with `arguments` for the tool `relax`; `match` holds samples against the reference as structure predictions;
    `conditions` (full property name -> value) were asked of every sample, and join what the manifest says.
    """

    relax: bool = False
    match: bool = False
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    conditions: Mapping[str, float] = field(default_factory=dict[str, float])


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """All figures and what they rest on."""

    figures: list[Figure]
    judged: list[Judged]
    facts: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """As JSON, without the rows."""
        return {**self.facts, "figures": [figure.plain() for figure in self.figures]}


def evaluate(
    samples: Sequence[Sample],
    *,
    out: Path,
    settings: Settings,
    choices: Choices,
    reference: Sequence[Sample] | None,
    hear: Hear,
    kept_in: Path | None = None,
) -> Evaluation:
    """Judge all samples; what is finished stays in `out`, where a second call goes on.

    With `kept_in` relaxations stand in that folder, which several evaluations may share. Raises `UsageError` when samples shall be held against a reference and answer none of its crystals, `WorkerError` when the physics process
    cannot be kept alive.
    """
    out.mkdir(parents=True, exist_ok=True)
    known = None if reference is None else [one.crystal for one in reference if one.crystal is not None]
    rows = measured_rows(
        samples,
        folder=out,
        settings=settings,
        reference=known,
        hear=lambda done, total: hear("measuring", done, total),
    )
    wanted = [{**wanted_values(sample.asked), **choices.conditions} for sample in samples]
    energies: dict[int, Energy] = {}
    if choices.relax:
        energies = _energies(
            samples,
            rows,
            wanted,
            out=out,
            kept_in=kept_in or out,
            settings=settings,
            choices=choices,
            hear=hear,
        )
    judged = _judged(samples, rows, wanted, energies, relax=choices.relax)
    figures = summarised(judged, relaxed=choices.relax)
    if known:
        made = [one.sample.crystal for one in judged if one.row.structure_valid and one.sample.crystal]
        valid = sum(is_composition_valid(crystal.formula) for crystal in known)
        figures.append(
            share(
                "reference_composition_valid",
                "composition validity of the reference",
                valid,
                len(known),
                method=composition_method(),
            )
        )
        figures += compared(made, known) if made else []
        if choices.match and reference is not None:
            figures += prediction_figures(samples, reference)
    facts: dict[str, Any] = {
        "samples": len(samples),
        "unreadable": sum(sample.crystal is None for sample in samples),
        "reference_crystals": None if known is None else len(known),
        "relaxed": choices.relax,
        "relax_arguments": dict(choices.arguments),
        "conditions": dict(choices.conditions),
        "matsmith": importlib.metadata.version("matsmith"),
        "pymatgen": importlib.metadata.version("pymatgen"),
        "composition_method": composition_method(),
    }
    if choices.relax:
        from matsmith.tools.potential import hash_of, name_of

        facts |= {"potential": name_of(settings), "weights_hash": hash_of(settings)}
    found = Evaluation(figures=figures, judged=judged, facts=facts)
    _write(found, out)
    return found


def _energies(
    samples: Sequence[Sample],
    rows: Sequence[Row],
    wanted: Sequence[Mapping[str, float]],
    *,
    out: Path,
    kept_in: Path,
    settings: Settings,
    choices: Choices,
    hear: Hear,
) -> dict[int, Energy]:
    places = [index for index, row in enumerate(rows) if row.structure_valid]
    crystals = [crystal for index in places if (crystal := samples[index].crystal) is not None]
    moduli = frozenset(place for place, index in enumerate(places) if "bulk_modulus_gpa" in wanted[index])
    found: dict[int, Energy] = {}
    hear("relaxing", 0, len(places))
    for place, energy in relaxed_energies(
        crystals, folder=kept_in, settings=settings, arguments=choices.arguments, moduli_of=moduli
    ):
        found[places[place]] = energy
        if energy.relaxed is not None:
            _write_cif(energy.relaxed, out / RELAXED / f"{places[place]:06d}.cif")
        hear("relaxing", len(found), len(places))
    return found


def _write_cif(crystal: Crystal, file: Path) -> None:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".part")
        draft.write_text(crystal.to_cif(), encoding="utf-8")
        draft.replace(file)


def _judged(
    samples: Sequence[Sample],
    rows: Sequence[Row],
    wanted: Sequence[Mapping[str, float]],
    energies: Mapping[int, Energy],
    *,
    relax: bool,
) -> list[Judged]:
    sound = [index for index, row in enumerate(rows) if row.structure_valid]
    crystals = [crystal for index in sound if (crystal := samples[index].crystal) is not None]
    groups = dict(zip(sound, merge(crystals), strict=True))
    loose = dict(zip(sound, groups_with_disorder(crystals), strict=True))
    found: list[Judged] = []
    for index, (sample, row) in enumerate(zip(samples, rows, strict=True)):
        crystal = sample.crystal
        energy = energies.get(index)
        values: dict[str, float | None] = dict.fromkeys(wanted[index])
        if crystal is not None:
            # What was asked is held against the relaxed crystal where there is one: the generated one has no forces in it.
            best = energy.relaxed if energy is not None and energy.relaxed is not None else crystal
            values = {
                name: measured(name, best if name != "atoms" else crystal, energy) for name in wanted[index]
            }
        ruled = has_element_rules(sample.asked)
        found.append(
            Judged(
                sample=sample,
                row=row,
                group=groups.get(index, -1),
                disorder_group=loose.get(index, -1),
                energy=energy if relax else None,
                wanted=wanted[index],
                values=values,
                obeys=(crystal is not None and obeys_elements(sample.asked, crystal)) if ruled else None,
            )
        )
    return found


def _write(found: Evaluation, out: Path) -> None:
    text = json.dumps(found.plain(), indent=2, ensure_ascii=False, allow_nan=False)
    _replace(out / FIGURES, text + "\n")
    names = ("name", "title", "value", "low", "high", "unit", "count", "method")
    _csv(out / TABLE, names, [[figure.plain()[name] for name in names] for figure in found.figures])
    own = list(Row.model_fields)
    more = ("group", "relax_problem", "formation_ev_per_atom", "above_hull_ev_per_atom", "tier",
            "moved_angstrom", "volume_ratio", "bulk_modulus_gpa", "obeys_elements")  # fmt: skip
    lines: list[list[Any]] = []
    for one in found.judged:
        energy = one.energy or Energy()
        values = one.row.model_dump()
        lines.append(
            [one.sample.name, *(values[name] for name in own), one.group if one.group >= 0 else "",
             energy.problem, energy.formation, energy.above_hull, energy.tier, energy.moved_angstrom,
             energy.volume_ratio, energy.bulk_modulus_gpa, one.obeys]
        )  # fmt: skip
    _csv(out / ROWS, ("sample", *own, *more), lines)


def _csv(file: Path, names: Sequence[str], lines: Sequence[Sequence[Any]]) -> None:
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(["" if value is None else value for value in line] for line in lines)
    _replace(file, text.getvalue())


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(file.name + ".part")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
