"""What `matsmith train predictor` and `matsmith predict --model` do when the table or the model is of crystals, not of formulas."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matsmith.app.guard import FAILURE, complain
from matsmith.core.errors import DataError, UsageError

_NOT_VALUES = ("index", "id", "material_id", "formula", "composition", "pretty_formula", "")


def structures_in(table: Path) -> bool:
    """Whether a file is a table with a column of CIF texts."""
    from matsmith.models.predictors.structure.table import head_of, structure_column

    return table.is_file() and structure_column(head_of(table)) is not None


def train_on_structures(
    table: Path,
    *,
    column: str,
    conditions: Sequence[str],
    out: Path | None,
    name: str,
    unit: str,
    of: str,
    at_least: float | None,
    at_most: float | None,
    rises_with: Sequence[str],
    falls_with: Sequence[str],
    steps: int,
    as_json: bool,
) -> int:
    """Train, write weights and card to a folder, tell the errors; exit status as everywhere."""
    _needs_torch()
    from matsmith.app.console import make_console, write_json
    from matsmith.models.predictors.structure.network import StructureSettings
    from matsmith.models.predictors.structure.table import head_of, read_structure_table
    from matsmith.models.predictors.structure.train import Physics, train_structures

    if not column:
        named = [
            one for one in head_of(table) if one.lower() not in (*_NOT_VALUES, "cif", "structure") and one not in conditions
        ]  # fmt: skip
        if len(named) != 1:
            raise UsageError(
                f"{table} does not say which column to learn: it has {', '.join(named) or 'none'}.",
                hint="Name it with --column.",
            )
        column = named[0]
    physics = Physics(
        low=at_least,
        high=at_most,
        monotonic=(*((one, 1) for one in rises_with), *((one, -1) for one in falls_with)),
    )
    rows = read_structure_table(table, column=column, conditions=conditions)
    for why, count in rows.skipped.items():
        complain(f"{count} rows were left out: {why}.")
    title = (name or column).strip()
    title_as_name = "_".join(title.lower().split())
    folder = out or Path(f"{title_as_name}-predictor")
    others = [one for one in folder.glob("*.safetensors") if one.stem != title_as_name]
    if others:
        raise UsageError(
            f"{folder} holds another model ({others[0].name}).", hint="Give another folder with --out."
        )
    digest = hashlib.sha256(table.read_bytes()).hexdigest()[:12]
    facts: dict[str, Any] = {
        "property": title_as_name, "title": title, "unit": unit, "of": of or f"as in {table.name}", "table": table.name,
        "citation": f"{table.name}, sha256 {digest}",
    }  # fmt: skip
    model = train_structures(
        rows,
        path=folder / f"{title_as_name}.safetensors",
        work=folder / "fits",
        facts=facts,
        settings=StructureSettings(steps=steps),
        physics=physics,
    )
    card = model.card
    if as_json:
        shown = (
            "property",
            "unit",
            "of",
            "rows",
            "trained_on",
            "error",
            "error_of_the_median",
            "coverage",
            "conditions",
        )
        write_json({"folder": str(folder), **{key: card[key] for key in shown}})
        return 0
    of_unit = f" {unit}" if unit else ""
    console = make_console()
    console.print(f"{title}: {card['rows']} crystals, {card['trained_on']} trained on")
    console.print(
        f"Mean absolute error on formulas left out: {card['error']:.4g}{of_unit}; always saying the median: {card['error_of_the_median']:.4g}{of_unit}"
    )
    console.print(f"The 90 % interval holds {100 * card['coverage']['0.9']:.0f} % of what was left out.")
    if card["error"] > 0.95 * card["error_of_the_median"]:
        console.print(
            "The structures tell next to nothing of it: do not rely on this model.", style="unknown"
        )
    console.print(f"Weights and card: {folder}; matsmith predict CRYSTAL.cif --model {folder}", style="quiet")
    return 0


def structure_model_in(folder: Path) -> Path | None:
    """The weights in a folder that holds one model, and that of crystals; else None. Raises `DataError` when its file is damaged."""
    from matsmith.models.predictors.structure.model import is_structure_model

    found = sorted(folder.glob("*.safetensors"))
    return found[0] if len(found) == 1 and is_structure_model(found[0]) else None


def are_crystals(names: Sequence[str]) -> bool:
    """Whether what is to be predicted for are CIF files. Raises `UsageError` where formulas are among them."""
    files = [name for name in names if name.lower().endswith(".cif")]
    if files and len(files) < len(names):
        other = next(name for name in names if name not in files)
        raise UsageError(
            f"{other} is no CIF file, and {files[0]} is one.", hint="Give formulas and crystals in two calls."
        )
    return bool(files)


def chosen_models(properties: Sequence[str]) -> list[Path]:
    """The weights of crystals that ship for these properties, all when none is named. Raises `UsageError` for another."""
    from matsmith.models.predictors.structure.model import shipped_structure_models

    shipped = shipped_structure_models()
    if not shipped:
        raise UsageError(
            "No predictor of crystals ships with this installation.",
            hint="Train one with `matsmith train predictor TABLE`, and give its folder with --model.",
        )
    for name in properties:
        if name not in shipped:
            raise UsageError(
                f"No model predicts {name!r} from a crystal.",
                hint=f"There are: {', '.join(shipped)}; from its formula alone there are more, see --list.",
            )
    return [shipped[name] for name in dict.fromkeys(properties or shipped)]


def predict_on_structures(
    files: Sequence[str], *, models: Sequence[Path], at: Sequence[str], as_json: bool
) -> int:
    """Predict for CIF files by each of the models; what cannot be read is told and left out. Exit status as everywhere."""
    _needs_torch()
    from dataclasses import asdict

    from matsmith.app.console import make_console, write_json_lines
    from matsmith.core.quantity import format_value
    from matsmith.models.predictors.structure.model import load_structure_model
    from matsmith.models.predictors.structure.table import read_cif

    loaded = [load_structure_model(path) for path in models]
    conditions = _conditions(at)
    lines: list[dict[str, Any]] = []
    refused = 0
    for name in files:
        try:
            crystal = read_cif(Path(name))
            found = [model.predict([crystal], conditions=conditions)[0] for model in loaded]
        except DataError as error:
            refused += 1
            lines.append({"file": name, "refused": error.message, "hint": error.hint})
            continue
        lines += [{"file": name, **asdict(one)} for one in found]
    if as_json:
        write_json_lines(lines)
    console = make_console()
    for one in lines:
        if "refused" in one:
            complain(one["refused"], hint=one["hint"])
        elif not as_json:
            outside = "" if one["in_domain"] else f"; outside of the domain: {one['outside_because']}"
            told = format_value(one["value"], sigma=one["sigma"], unit=one["unit"])
            console.print(
                f"{one['file']}: {one['property'].replace('_', ' ')} {told}, 90 % {one['low90']:.4g} to {one['high90']:.4g}{outside}"
            )
    if refused:
        complain(f"{refused} of {len(files)} files were left out.")
    return FAILURE if refused else 0


def _conditions(at: Sequence[str]) -> dict[str, float]:
    """Conditions written as NAME=VALUE."""
    found: dict[str, float] = {}
    for one in at:
        name, _, value = one.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError as error:
            raise UsageError(f"{one!r} is no condition.", hint="Write it like temperature_k=300.") from error
    return found


def _needs_torch() -> None:
    if importlib.util.find_spec("torch") is None:
        raise UsageError("Predictors of structures need torch, which is not installed.", hint="Run `pip install torch`.")  # fmt: skip
