"""Train the stability model; needs scikit-learn and torch, which predicting does not.

    python -m matsmith.models.predictors.stability.train --data DIR --work DIR [--epochs 12] [--device cuda]

One fold of formulas, the same in every table, is left out of all views; the stacking weights are fitted to it, and it is measured on it with
each formula's weights from others of it. Every finished part is kept in the work folder: the same call goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import MatsmithError
from matsmith.models.predictors.compositions import FOLDS, Compositions, FloatArray
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.domain import BORDER_QUANTILE, Domain
from matsmith.models.predictors.evaluation import DISTANCE_SEED, KEPT_FOR_DISTANCE, area_under_curve
from matsmith.models.predictors.stability.cards import card_text
from matsmith.models.predictors.stability.electron_configuration import configuration_descriptors
from matsmith.models.predictors.stability.model import (
    VIEWS,
    WEIGHTS,
    StabilityModel,
    Stack,
    TreeView,
    save_stability,
)
from matsmith.models.predictors.stability.network_training import NetworkSettings, Tasks, train_network
from matsmith.models.predictors.stability.stacking import calibration_error, crossed, fitted_logistic
from matsmith.models.predictors.targets import PREDICTED, PredictedProperty, logistic
from matsmith.models.predictors.train import Boosting, fit_trees, keep_trees, kept_trees
from matsmith.models.predictors.training_table import TrainingTable, read_training_table
from matsmith.models.predictors.trees import cuts_of, encode

LEFT_OUT = 0
"""The fold that no view is trained on."""
_MOST_ELEMENTS = 5
"""Formulas with more elements are not trained on by the network: they are few, and every pair costs."""
_WIDTH = 8
_BOOSTING = Boosting(450, 0.1, 110, 15)
_QUICK = Boosting(120, 0.2, 31, 15)
_SEED = 20
_ECSG = "Zou et al. 2025 (ECSG)"
_ENTRIES = {
    "materials_project": PredictedProperty(
        name="materials_project", title="stability, Materials Project", unit="", of="on the Materials Project's hull",
        table="mp_stability", column="is_stable", citation=f"{_ECSG}; Jain et al. 2013, APL Mater. 1, 011002", scale="probability",
        published="",
    ),
    "jarvis": PredictedProperty(
        name="jarvis", title="stability, JARVIS-DFT", unit="", of="on the hull of JARVIS-DFT", table="jarvis_stability",
        column="is_stable", citation=f"{_ECSG}; Choudhary et al. 2020, npj Comput. Mater. 6, 173", scale="probability",
        published="ECSG 0.988 (its own folds, other rows)",
    ),
}  # fmt: skip
_ABOVE = PredictedProperty(
    name="energy_above_hull", title="energy above hull", unit="eV/atom", of="", table="mp_energy_above_hull",
    column="energy_above_hull_eV_per_atom", citation="Jain et al. 2013, APL Mater. 1, 011002", choice="lowest",
)  # fmt: skip


@dataclass(frozen=True)
class _Tables:
    """One table a database, its targets being 1 where any of a formula's rows is stable; and the two that only the network learns from."""

    databases: dict[str, TrainingTable]
    above: TrainingTable
    formation: TrainingTable


def main(argv: list[str] | None = None) -> int:
    """Train; exit status as everywhere: 0, 1 for a failure, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the tables")
    parser.add_argument(
        "--work", type=Path, default=Path("stability-training"), help="folder for finished parts"
    )
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="the weights file; its card lies beside it")
    parser.add_argument("--epochs", type=int, default=12, help="passes of the network over the tables")
    parser.add_argument("--width", type=int, default=64, help="width of the network")
    parser.add_argument("--device", default="cpu", help="where the network is trained")
    parser.add_argument("--minutes", type=float, help="stop the network then, and take it as it is")
    parser.add_argument(
        "--quick", action="store_true", help="smaller trees in a third of the time: a little less exact"
    )
    parser.add_argument("--limit", type=int, help="take so many formulas of each table")
    arguments = parser.parse_args(argv)
    try:
        train(
            arguments.data,
            work=arguments.work,
            out=arguments.out,
            settings=NetworkSettings(epochs=arguments.epochs, width=arguments.width),
            device=arguments.device,
            minutes=arguments.minutes,
            limit=arguments.limit,
            boosting=_QUICK if arguments.quick else _BOOSTING,
        )
    except MatsmithError as error:
        print(f"matsmith: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def train(
    data_dir: Path,
    *,
    work: Path,
    out: Path,
    settings: NetworkSettings,
    device: str = "cpu",
    minutes: float | None = None,
    limit: int | None = None,
    boosting: Boosting = _BOOSTING,
) -> StabilityModel:
    """Train all views, stack them, write weights and card."""
    started = time.monotonic()
    tables = _read(data_dir, limit=limit)
    for name, table in tables.databases.items():
        _say(f"{name}: {len(table)} formulas, {100 * table.targets.mean():.1f} % stable")
    views = {
        name: {view: _trees(table, view=view, work=work, boosting=boosting, name=name) for view in VIEWS[:2]}
        for name, table in tables.databases.items()
    }
    compositions, tasks = _union(tables)
    network, done = train_network(
        compositions, tasks, settings=settings, work=work, device=device, minutes=minutes, say=_say
    )
    stacks: dict[str, Stack] = {}
    card: dict[str, Any] = {
        "tasks": list(tasks.names),
        "layers": settings.layers,
        "network": asdict(settings),
        "network_done": done,
        "trees": asdict(boosting),
        "split": f"one of {FOLDS} folds by hash of the composition left out, the same of every table",
        "whole_table": limit is None,
        "databases": {},
    }
    domain = _domain(tables.databases["materials_project"])
    for name, table in tables.databases.items():
        rows = np.flatnonzero(table.folds == LEFT_OUT)
        part = table.compositions.part(rows)
        blank = Stack(**views[name], weights=np.zeros(4), alone=np.zeros((3, 2)))
        draft = StabilityModel(stacks={name: blank}, network=network, domain=domain)
        logits = draft.logits(part, descriptors(part), database=name)
        truth = table.targets[rows] > 0.5
        stacks[name] = Stack(
            **views[name],
            weights=fitted_logistic(logits, truth),
            alone=np.stack(
                [fitted_logistic(logits[:, place : place + 1], truth)[::-1] for place in range(len(VIEWS))]
            ),
        )
        card["databases"][name] = {
            "of": _ENTRIES[name].of,
            "table": _ENTRIES[name].table,
            "citation": _ENTRIES[name].citation,
            "published": _ENTRIES[name].published,
            "formulas": len(table),
            "left_out": len(rows),
            "base_rate": float(table.targets.mean()),
            **_measured(logits, truth, keys=[table.keys[row] for row in rows]),
        }
        _say(f"{name}: {card['databases'][name]}")
    model = StabilityModel(stacks=stacks, network=network, domain=domain, card=card)
    save_stability(model, out)
    out.with_suffix(".md").write_text(card_text(card), encoding="utf-8")
    _say(f"{out.name}: {out.stat().st_size / 1e6:.2f} MB, {time.monotonic() - started:.0f} s")
    return model


def _read(data_dir: Path, *, limit: int | None) -> _Tables:
    databases: dict[str, TrainingTable] = {}
    for name, entry in _ENTRIES.items():
        table = read_training_table(data_dir, entry, limit=limit)
        # Rows of a formula lie together, ascending: the last one is 1 where any of them is.
        last = np.append(np.flatnonzero(np.diff(table.owner)), len(table.owner) - 1)
        table.targets[:] = table.values[last]
        databases[name] = table
    return _Tables(
        databases=databases,
        above=read_training_table(data_dir, _ABOVE, limit=limit),
        formation=read_training_table(data_dir, PREDICTED["formation_energy"], limit=limit),
    )


def _trees(table: TrainingTable, *, view: str, work: Path, boosting: Boosting, name: str) -> TreeView:
    started = time.monotonic()
    columns = (
        descriptors(table.compositions)
        if view == "statistics"
        else configuration_descriptors(table.compositions)
    )
    rows = table.folds != LEFT_OUT
    cuts = cuts_of(columns[rows])
    codes = encode(columns[rows], cuts)
    digest = hashlib.sha256(repr((boosting, codes.shape)).encode() + codes.tobytes())
    digest.update(table.targets.tobytes())
    path = work / f"{name}-{view}-{digest.hexdigest()[:12]}.npz"
    trees = kept_trees(path)
    if trees is None:
        trees = fit_trees(codes, table.targets[rows], settings=boosting, classes=True, seed=_SEED)
        keep_trees(trees, path)
        _say(f"  {name}, {view}: {time.monotonic() - started:.0f} s")
    return TreeView(cuts=cuts, trees=trees)


def _union(tables: _Tables) -> tuple[Compositions, Tasks]:
    """The formulas of all tables that are trained on, each with what is known of it."""
    sources = [*tables.databases.values(), tables.above, tables.formation]
    columns = [
        *(table.targets for table in tables.databases.values()),
        np.log10(np.clip(tables.above.targets, 1e-3, 2.0)),
        tables.formation.targets,
    ]
    found: dict[str, tuple[int, NDArray[np.int64], FloatArray, list[float]]] = {}
    for task, (table, values) in enumerate(zip(sources, columns, strict=True)):
        for row, key in enumerate(table.keys):
            held = found.get(key)
            if held is None:
                gaps = [float("nan")] * len(sources)
                held = (int(table.folds[row]), table.compositions.elements[row], table.compositions.fractions[row], gaps)  # fmt: skip
                found[key] = held
            held[3][task] = float(values[row])
    keys = [
        key
        for key in sorted(found)
        if found[key][0] != LEFT_OUT and int((found[key][1] > 0).sum()) <= _MOST_ELEMENTS
    ]
    elements = np.zeros((len(keys), _MOST_ELEMENTS), dtype=np.int64)
    fractions = np.zeros((len(keys), _MOST_ELEMENTS))
    for row, key in enumerate(keys):
        own, shares = found[key][1][:_MOST_ELEMENTS], found[key][2][:_MOST_ELEMENTS]
        elements[row, : len(own)], fractions[row, : len(own)] = own, shares
    return Compositions(elements, fractions), Tasks(
        names=(*tables.databases, "energy_above_hull", "formation_energy"),
        classes=(*(True for _ in tables.databases), False, False),
        weights=(1.0, 0.5, 0.5, 0.5),
        targets=np.array([found[key][3] for key in keys]),
    )


def _domain(table: TrainingTable) -> Domain:
    inside = np.flatnonzero(table.folds != LEFT_OUT)
    columns = descriptors(table.compositions)
    draft = Domain.fit(
        columns[inside],
        table.compositions.part(inside),
        kept=KEPT_FOR_DISTANCE,
        seed=DISTANCE_SEED,
        border=1.0,
    )
    border = float(np.quantile(draft.distance(columns[table.folds == LEFT_OUT]), BORDER_QUANTILE))
    return replace(draft, border=border)


def _measured(logits: FloatArray, truth: NDArray[np.bool_], *, keys: list[str]) -> dict[str, Any]:
    """What the stack and its views reach on left-out formulas, each formula's weights being fitted to others."""
    together = crossed(logits, truth, keys=keys)
    views = {name: area_under_curve(truth, logits[:, place]) for place, name in enumerate(VIEWS)}
    chance = logistic(together)
    return {
        "roc_auc": area_under_curve(truth, together),
        "roc_auc_of_views": views,
        "brier": float(((chance - truth) ** 2).mean()),
        "brier_of_base_rate": float(truth.mean() * (1 - truth.mean())),
        "calibration_error": calibration_error(chance, truth),
        "accuracy": float(((chance > 0.5) == truth).mean()),
    }


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
