"""`matsmith predict`: properties of formulas from composition models, many at once."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import FAILURE, complain, guarded
from matsmith.core.errors import SpecError, UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

_CHUNK = 2000
_MOST_SHOWN = 20


@guarded
def predict(
    formulas: Annotated[
        list[str] | None, typer.Argument(help="formulas, such as BaTiO3 Ga0.5In0.5As", show_default=False)
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            "-p",
            metavar="NAME",
            help="which property; may be repeated; all by default",
            show_default=False,
        ),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="CSV with a column formula, or a formula a line; - reads standard input",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(
            "--model",
            metavar="DIR",
            help="a model that `matsmith train predictor` wrote, in place of those that ship",
            show_default=False,
        ),
    ] = None,
    list_models: Annotated[
        bool, typer.Option("--list", help="list what can be predicted, with the errors on left-out formulas")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Predict properties from formulas alone, in milliseconds.

    Each value has one sigma and a 90 % interval, calibrated on formulas that were left out, and says what it is of (a PBE gap,
    a measured gap) and whether the formula is like those the model was trained on. Structures are not seen: polymorphs of a
    formula get the same value. What is no formula is told and left out.

    Exit status: 0, 1 when some formulas could not be read, 2 for wrong use.

    \b
    Examples:
      matsmith predict BaTiO3 GaN -p measured_band_gap -p bulk_modulus
      matsmith predict --file formulas.csv -p bulk_modulus --json > predicted.json
      matsmith predict TiN WC --model hardness
      matsmith predict --list
    """
    from matsmith.app.console import make_console, write_json

    if list_models:
        rows = _models()
        write_json(rows) if as_json else make_console().print(_model_table(rows))
        return 0
    from matsmith.models.predictors.library import shipped
    from matsmith.models.predictors.targets import predicted_property

    wanted = [*(formulas or []), *(read_formulas(file) if file is not None else [])]
    if not wanted:
        raise UsageError(
            "No formula was given.", hint="Name some, such as `matsmith predict BaTiO3`, or give --file."
        )
    if model is not None and properties:
        raise UsageError(
            "A model of one's own predicts one property.", hint="Leave out --property beside --model."
        )
    names = list(dict.fromkeys(predicted_property(name).name for name in properties or shipped()))
    predictions, refused = _predict(wanted, names, model=model)
    if as_json:
        write_json({"predictions": predictions, "refused": refused})
    else:
        make_console().print(_table(predictions))
    for one in refused[:_MOST_SHOWN]:
        complain(one["message"], hint=one["hint"])
    if refused:
        complain(f"{len(refused)} of {len(wanted)} formulas were left out.")
        return FAILURE
    return 0


def read_formulas(path: Path) -> list[str]:
    """Formulas of a CSV file with such a column, or of a plain list."""
    if str(path) == "-":
        text = sys.stdin.read()
    else:
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError as error:
            raise UsageError(f"There is no file {path}.", hint="Check the name.") from error
        except UnicodeDecodeError as error:
            raise UsageError(
                f"{path} is no text file.", hint="Give a CSV file or a formula a line."
            ) from error
    lines = [line for line in csv.reader(text.splitlines()) if any(cell.strip() for cell in line)]
    if not lines:
        raise UsageError(
            f"{path} is empty.", hint="Give a CSV file with a column formula, or a formula a line."
        )
    head = [cell.strip().lower() for cell in lines[0]]
    if "formula" in head:
        place = head.index("formula")
        lines = lines[1:]
    elif len(lines[0]) == 1:
        place = 0
    else:
        raise UsageError(
            f"{path} has no column formula, but {', '.join(lines[0][:5])}.", hint="Name the column formula."
        )
    return [line[place].strip() if place < len(line) else "" for line in lines]


def readable_formulas(formulas: list[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Those that a composition model can take, and refusals with their reasons."""
    from matsmith.models.predictors.compositions import read_formula
    from matsmith.models.predictors.library import check_covered

    readable: list[str] = []
    refused: list[dict[str, str]] = []
    for formula in formulas:
        try:
            check_covered(read_formula(formula))
            readable.append(formula)
        except SpecError as error:
            refused.append({"formula": formula, "message": error.message, "hint": error.hint})
    return readable, refused


def _predict(
    formulas: list[str], names: list[str], *, model: Path | None
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """Predictions, one a formula and property, and refusals with their reasons."""
    from dataclasses import asdict

    from matsmith.models.predictors.library import predict_formulas
    from matsmith.models.predictors.own import own_model, predict_own

    own = None if model is None else own_model(model)
    readable, refused = readable_formulas(formulas)
    found: list[dict[str, Any]] = []
    many = len(readable) > _CHUNK
    for begin in range(0, len(readable), _CHUNK):
        part = readable[begin : begin + _CHUNK]
        rows = (
            [one for row in predict_formulas(names, part) for one in row.values()]
            if own is None
            else predict_own(own, part)
        )
        found += [
            {key: value for key, value in asdict(one).items() if value is not None and value != ""}
            for one in rows
        ]
        if many:
            done = min(begin + _CHUNK, len(readable))
            print(f"{done} of {len(readable)} formulas", file=sys.stderr, flush=True)
    return found, refused


def _table(predictions: list[dict[str, Any]]) -> RenderableType:
    from rich.text import Text

    from matsmith.app.console import plain_table
    from matsmith.core.quantity import format_value
    from matsmith.models.predictors.targets import PREDICTED

    table = plain_table(
        "Formula", "Property", "Value", "90 % interval", "Domain", "What it is of", right=frozenset({"Value"})
    )
    for one in predictions:
        inside = one["in_domain"]
        table.add_row(
            Text(one["formula"], style="label"),
            Text(PREDICTED[one["property"]].title if one["property"] in PREDICTED else one["property"]),
            Text(format_value(one["value"], sigma=one["sigma"], unit=one["unit"])),
            Text(f"{one['low90']:.3g} to {one['high90']:.3g}", style="quiet"),
            Text(
                "inside" if inside else f"outside: {one['outside_because']}",
                style="quiet" if inside else "unknown",
            ),
            Text(one["of"], style="quiet"),
        )
    return table


def _models() -> list[dict[str, Any]]:
    from matsmith.models.predictors.library import model_of, shipped

    wanted = (
        "property",
        "unit",
        "of",
        "rows",
        "formulas",
        "whole_table",
        "errors",
        "coverage",
        "citation",
        "published",
    )
    return [{key: model_of(name).card[key] for key in wanted} for name in shipped()]


def _model_table(rows: list[dict[str, Any]]) -> RenderableType:
    from rich.text import Text

    from matsmith.app.console import plain_table

    table = plain_table("Property", "Formulas", "Mean error", "Unit", "90 % holds", "What it is of")
    for one in rows:
        table.add_row(
            Text(one["property"], style="label"),
            Text(str(one["formulas"])),
            Text(f"{one['errors']['rows']:.3g}"),
            Text(one["unit"]),
            Text(f"{100 * one['coverage']['0.9']:.0f} %"),
            Text(one["of"], style="quiet"),
        )
    return table
