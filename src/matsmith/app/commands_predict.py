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
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from matsmith.models.predictors.library import Prediction

_CHUNK = 2000
_MOST_SHOWN = 20
_STABILITY = "stability"


@guarded
def predict(
    formulas: Annotated[
        list[str] | None,
        typer.Argument(help="formulas, such as BaTiO3 Ga0.5In0.5As, or CIF files", show_default=False),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            "-p",
            metavar="NAME",
            help="which property, or stability; may be repeated; all by default",
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
            help="a model that `matsmith train predictor` wrote, in place of those that ship; one of crystals takes CIF files",
            show_default=False,
        ),
    ] = None,
    at: Annotated[
        list[str] | None,
        typer.Option(
            "--at",
            metavar="NAME=VALUE",
            help="of a model of crystals: a condition, such as temperature_k=300; may be repeated",
            show_default=False,
        ),
    ] = None,
    list_models: Annotated[
        bool, typer.Option("--list", help="list what can be predicted, with the errors on left-out formulas")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable, a line each")] = False,
) -> int:
    r"""Predict properties from formulas alone, in milliseconds.

    Each value has one sigma and a 90 % interval, calibrated on formulas that were left out, and says what it is of (a PBE gap,
    a measured gap) and whether the formula is like those the model was trained on. `stability` is the chance to lie on the
    Materials Project's hull; its sigma is how far three views of the formula are apart. Structures are not seen: polymorphs of a
    formula get the same value. What is no formula is told and left out. CIF files are seen as crystals, by networks trained on what
    the potential says of relaxed ones.

    With --json every line is one prediction (formula, value, unit, sigma, in_domain and more) or one refusal (formula, refused,
    hint), in the order of the formulas.

    Exit status: 0, 1 when some formulas could not be read, 2 for wrong use.

    \b
    Examples:
      matsmith predict BaTiO3 GaN -p measured_band_gap -p bulk_modulus
      matsmith predict NaCl -p stability
      matsmith predict --file formulas.csv -p bulk_modulus --json > predicted.jsonl
      matsmith predict TiN WC --model hardness
      matsmith predict crystal.cif -p bulk_modulus
      matsmith predict crystal.cif --model modulus --at temperature_k=300
      matsmith predict --list
    """
    from matsmith.app.console import make_console, write_json, write_json_lines
    from matsmith.app.structure_predictors import (
        are_crystals,
        chosen_models,
        predict_on_structures,
        structure_model_in,
    )

    if list_models:
        rows = _models()
        write_json(rows) if as_json else make_console().print(_model_table(rows))
        return 0
    wanted = [*(formulas or []), *(read_formulas(file) if file is not None else [])]
    if not wanted:
        raise UsageError(
            "No formula was given.", hint="Name some, such as `matsmith predict BaTiO3`, or give --file."
        )
    if model is not None and properties:
        raise UsageError(
            "A model of one's own predicts one property.", hint="Leave out --property beside --model."
        )
    own = None if model is None else structure_model_in(model)
    if own is not None or (model is None and are_crystals(wanted)):
        models = [own] if own is not None else chosen_models(properties or ())
        return predict_on_structures(wanted, models=models, at=at or [], as_json=as_json)
    if at:
        raise UsageError(
            "Conditions are for models of crystals.",
            hint="Leave out --at, or name such a model with --model.",
        )
    names = _names(properties or ())
    predictions, refused = list[dict[str, Any]](), list[dict[str, Any]]()
    for part in _predicted(wanted, names, model=model):
        refused += [one for one in part if "refused" in one]
        if as_json:
            write_json_lines(part)
        else:
            predictions += [one for one in part if "refused" not in one]
    if predictions:
        make_console().print(_table(predictions))
    for one in refused[:_MOST_SHOWN]:
        complain(one["refused"], hint=one["hint"])
    if refused:
        complain(f"{len(refused)} of {len(wanted)} formulas were left out.")
        return FAILURE
    return 0


def _names(asked: Sequence[str]) -> list[str]:
    """The properties that are asked for, all when none is. Raises `UsageError` with the nearest name."""
    from difflib import get_close_matches

    from matsmith.models.predictors.library import shipped
    from matsmith.models.predictors.stability.model import WEIGHTS
    from matsmith.models.predictors.targets import PREDICTED, predicted_property

    if not asked:
        return [*shipped(), *([_STABILITY] if WEIGHTS.is_file() else [])]
    for name in asked:
        if name != _STABILITY and get_close_matches(name, [*PREDICTED, _STABILITY], n=1) == [_STABILITY]:
            raise UsageError(
                f"No model predicts {name!r} from a composition.", hint=f"Did you mean {_STABILITY}?"
            )
    return list(
        dict.fromkeys(name if name == _STABILITY else predicted_property(name).name for name in asked)
    )


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


def _predicted(
    formulas: list[str], names: list[str], *, model: Path | None
) -> Iterator[list[dict[str, Any]]]:
    """Part by part, in the order of the formulas: the predictions of each, or its refusal with the reason."""
    from matsmith.models.predictors.library import predict_formulas
    from matsmith.models.predictors.own import own_model, predict_own

    own = None if model is None else own_model(model)
    plain = [name for name in names if name != _STABILITY]
    for begin in range(0, len(formulas), _CHUNK):
        part = formulas[begin : begin + _CHUNK]
        readable, unread = readable_formulas(part)
        told: dict[str, list[dict[str, Any]]] = {
            one["formula"]: [{"formula": one["formula"], "refused": one["message"], "hint": one["hint"]}]
            for one in unread
        }
        if own is not None:
            told |= {one.formula: [_told(one)] for one in predict_own(own, readable)}
        else:
            found: list[dict[str, Prediction]] = (
                predict_formulas(plain, readable) if plain else [{}] * len(readable)
            )
            chance = _stability(readable) if _STABILITY in names else []
            told |= {
                formula: [chance[row] if name == _STABILITY else _told(found[row][name]) for name in names]
                for row, formula in enumerate(readable)
            }
        yield [one for formula in part for one in told[formula]]
        if len(formulas) > _CHUNK:
            print(f"{begin + len(part)} of {len(formulas)} formulas", file=sys.stderr, flush=True)


def _told(one: Prediction) -> dict[str, Any]:
    """A prediction as plain data, what matters first."""
    from dataclasses import asdict

    first = ("formula", "property", "value", "unit", "sigma", "in_domain")
    fields = asdict(one)
    rest = {key: value for key, value in fields.items() if key not in first and value not in (None, "")}
    return {**{key: fields[key] for key in first}, **rest}


def _stability(formulas: list[str]) -> list[dict[str, Any]]:
    """The chance of each formula to lie on the hull, with its calibration and what each view of the formula says."""
    from matsmith.models.predictors.stability.model import DATABASES, chances, stability_model

    rows: list[dict[str, Any]] = []
    for one in chances(formulas):
        card = stability_model().card["databases"][one.database]
        row: dict[str, Any] = {
            "formula": one.formula, "property": _STABILITY, "value": one.probability, "unit": "", "sigma": one.spread,
            "in_domain": one.in_domain, "distance": one.distance,
            "of": f"chance to lie on the hull of {DATABASES[one.database]} at 0 K ({one.base_rate:.0%} of its formulas do), "
            f"calibrated within {card['calibration_error']:.1%}",
            "base_rate": one.base_rate, "calibration_error": card["calibration_error"], "views": one.views,
        }  # fmt: skip
        rows.append(row if one.in_domain else {**row, "outside_because": one.outside_because})
    return rows


def _table(predictions: list[dict[str, Any]]) -> RenderableType:
    from rich.text import Text

    from matsmith.app.console import plain_table
    from matsmith.core.quantity import format_value
    from matsmith.models.predictors.targets import PREDICTED

    table = plain_table(
        "Formula", "Property", "Value", "90 % interval", "Domain", "What it is of", right=frozenset({"Value"})
    )
    for one in predictions:
        inside, views = one["in_domain"], one.get("views")
        low, high = (min(views.values()), max(views.values())) if views else (one["low90"], one["high90"])
        table.add_row(
            Text(one["formula"], style="label"),
            Text(PREDICTED[one["property"]].title if one["property"] in PREDICTED else one["property"]),
            Text(format_value(one["value"], sigma=one["sigma"], unit=one["unit"])),
            Text(f"{'its views: ' if views else ''}{low:.3g} to {high:.3g}", style="quiet"),
            Text(
                "inside" if inside else f"outside: {one['outside_because']}",
                style="quiet" if inside else "unknown",
            ),
            Text(one["of"], style="quiet"),
        )
    return table


def _models() -> list[dict[str, Any]]:
    from matsmith.models.predictors.library import model_of, shipped
    from matsmith.models.predictors.stability.model import DATABASES, WEIGHTS, stability_model
    from matsmith.models.predictors.structure.model import shipped_structure_models, structure_card

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
    rows = [{key: model_of(name).card[key] for key in wanted} for name in shipped()]
    if WEIGHTS.is_file():
        database, title = next(iter(DATABASES.items()))
        card = stability_model().card
        rows.append(
            {
                **card["databases"][database],
                "property": _STABILITY,
                "unit": "",
                "of": f"chance to lie on the hull of {title} at 0 K",
                "whole_table": card["whole_table"],
            }
        )
    for path in shipped_structure_models().values():
        card = structure_card(path)
        rows.append(
            {
                **{key: card[key] for key in ("property", "unit", "rows", "coverage", "citation")},
                "of": f"of a crystal (CIF file): {card['of']}",
                "formulas": card["formulas"],
                "errors": {"rows": card["error"], "of_the_median": card["error_of_the_median"]},
            }
        )
    return rows


def _model_table(rows: list[dict[str, Any]]) -> RenderableType:
    from rich.text import Text

    from matsmith.app.console import plain_table

    table = plain_table("Property", "Formulas", "Mean error", "Unit", "90 % holds", "What it is of")
    for one in rows:
        chance = "roc_auc" in one and "errors" not in one
        table.add_row(
            Text(one["property"], style="label"),
            Text(str(one["formulas"])),
            Text(f"ROC-AUC {one['roc_auc']:.3f}" if chance else f"{one['errors']['rows']:.3g}"),
            Text(one["unit"]),
            Text(
                f"off by {one['calibration_error']:.1%}"
                if chance
                else f"{100 * one['coverage']['0.9']:.0f} %"
            ),
            Text(one["of"], style="quiet"),
        )
    return table
