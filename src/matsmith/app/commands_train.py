"""`matsmith train`: its commands, and `train predictor`: a composition model of one's own table, or of a property that ships, anew."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.commands_train_diffusion import train_adapter, train_diffusion
from matsmith.app.guard import complain, guarded
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from matsmith.models.predictors.model import CompositionModel

_TOLD = 5


def train_app() -> typer.Typer:
    """Return the commands under `matsmith train`."""
    app = typer.Typer(help="Train models on your own tables.", no_args_is_help=True, rich_markup_mode=None)
    app.callback()(lambda: None)
    app.command("predictor")(train_predictor)
    app.command("diffusion")(train_diffusion)
    app.command("adapter")(train_adapter)
    return app


@guarded
def train_predictor(
    table: Annotated[
        str,
        typer.Argument(metavar="TABLE", help="a CSV file with formulas and values, or a property that ships"),
    ],
    column: Annotated[
        str,
        typer.Option("--column", metavar="NAME", help="the column to learn; not needed where there is one"),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="where weights and card go; NAME-predictor by default",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--name", help="what the value is called; the column's name by default")
    ] = "",
    unit: Annotated[str, typer.Option("--unit", help="its unit, as predictions shall state it")] = "",
    of: Annotated[
        str, typer.Option("--of", metavar="WORDS", help='what the number is of, such as "measured at 300 K"')
    ] = "",
    scale: Annotated[
        str,
        typer.Option(
            "--scale",
            metavar="linear|log10|probability",
            help="log10 for values over several orders of magnitude",
        ),
    ] = "linear",
    lowest: Annotated[
        bool,
        typer.Option("--lowest", help="of several rows of a formula aim at the lowest, not at the median"),
    ] = False,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="without predicted formation energies and gaps among the descriptors"),
    ] = False,
    conditions: Annotated[
        list[str] | None,
        typer.Option(
            "--condition",
            metavar="NAME",
            help="of a table with structures: a column with a condition, such as a temperature; may be repeated",
            show_default=False,
        ),
    ] = None,
    at_least: Annotated[
        float | None,
        typer.Option("--at-least", help="of structures: no value lies below", show_default=False),
    ] = None,
    at_most: Annotated[
        float | None, typer.Option("--at-most", help="of structures: no value lies above", show_default=False)
    ] = None,
    rises_with: Annotated[
        list[str] | None,
        typer.Option("--rises-with", metavar="NAME", help="of structures: it only rises with this condition"),
    ] = None,
    falls_with: Annotated[
        list[str] | None,
        typer.Option("--falls-with", metavar="NAME", help="of structures: it only falls with this condition"),
    ] = None,
    steps: Annotated[int, typer.Option("--steps", min=1, help="of structures: steps of training")] = 600,
    quick: Annotated[bool, typer.Option("--quick", help="half as many trees: a little less exact")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Train a composition model on a table of formulas and values, with errors and intervals checked on formulas left out.

    Rows of one formula belong together: folds go by formula, so that no error is measured on what was trained on. Each finished fit is kept in
    the folder: the same call goes on where it was stopped. The folder then holds weights, a model card and what explains predictions.

    A table with a column of CIF texts (cif or structure), or a file of `matsmith data crystals`, trains a network that sees the crystal, and the
    conditions that --condition names.

    Exit status: 0, 1 when the table cannot be trained on, 2 for wrong use.

    \b
    Examples:
      matsmith train predictor hardness.csv --column hardness_GPa --unit GPa --out hardness
      matsmith predict TiN WC --model hardness
      matsmith train predictor bulk_modulus --out my-bulk-modulus
      matsmith train predictor crystals.csv --column heat_ref --unit eV/atom --out heat
      matsmith train predictor crystals.npz --column bulk_modulus_gpa --unit GPa --at-least 0 --out modulus
      matsmith train predictor moduli.csv --column bulk_modulus_GPa --condition temperature_k --falls-with temperature_k --at-least 0
    """
    from matsmith.app.structure_predictors import structures_in, train_on_structures
    from matsmith.models.predictors.targets import PREDICTED

    of_structures = (*(conditions or []), *(rises_with or []), *(falls_with or []))
    if table not in PREDICTED and structures_in(Path(table)):
        if lowest or plain or quick or scale != "linear":
            raise UsageError(
                "--lowest, --plain, --quick and --scale are for tables of formulas.", hint="Leave them out."
            )
        return train_on_structures(
            Path(table), column=column, conditions=conditions or [], out=out, name=name, unit=unit, of=of, at_least=at_least,
            at_most=at_most, rises_with=rises_with or [], falls_with=falls_with or [], steps=steps, as_json=as_json,
        )  # fmt: skip
    if of_structures or at_least is not None or at_most is not None:
        raise UsageError(
            f"{table} has no structures: conditions and bounds need a column of CIF texts.",
            hint="Leave them out.",
        )
    if importlib.util.find_spec("sklearn") is None:
        raise UsageError(
            "Training needs scikit-learn, which is not installed.",
            hint="Run `pip install 'matsmith[train]'`.",
        )
    from matsmith.models.predictors.explanation_data import make_data
    from matsmith.models.predictors.library import networks_for
    from matsmith.models.predictors.own import card_facts, read_own_table
    from matsmith.models.predictors.train import fit_table
    from matsmith.models.predictors.training_table import read_training_table

    facts: dict[str, Any] = {}
    skipped: list[str] = []
    if table in PREDICTED:
        from matsmith.core.settings import load_settings

        if column or name or unit or of or lowest or plain or scale != "linear":
            raise UsageError(
                f"{table} is a property that ships: its table, unit and scale are set.",
                hint="Give --out and --quick only, or the path of a table of your own.",
            )
        entry = PREDICTED[table]
        rows = read_training_table(load_settings().data_dir, entry)
    else:
        own = read_own_table(
            Path(table),
            column=column,
            name=name,
            unit=unit,
            of=of,
            scale=scale,  # pyright: ignore[reportArgumentType]
            lowest=lowest,
            helpers=not plain,
        )
        entry, rows, skipped, facts = own.entry, own.table, own.skipped, card_facts(own)
    for reason in skipped[:_TOLD]:
        complain(reason)
    if skipped:
        complain(f"{len(skipped)} lines were left out.")
    folder = out or Path(f"{entry.name}-predictor")
    path = folder / f"{entry.name}.safetensors"
    others = [one for one in folder.glob("*.safetensors") if one.name.split(".")[0] != entry.name]
    if others:
        raise UsageError(
            f"{folder} holds another model ({others[0].name}).", hint="Give another folder with --out."
        )
    networks = networks_for(entry.name) if table in PREDICTED else None
    model = fit_table(
        entry, rows, work=folder / "fits", path=path, quick=quick, facts=facts, networks=networks
    )
    # Read back, so that the explanation names the hash of what lies there.
    from matsmith.models.predictors.own import own_model

    model = own_model(folder)
    make_data(model, rows, path=path)
    _tell(model, folder=folder, as_json=as_json)
    return 0


def _tell(model: CompositionModel, *, folder: Path, as_json: bool) -> None:
    from matsmith.app.console import make_console, write_json

    card = model.card
    if as_json:
        shown = ("property", "unit", "of", "rows", "formulas", "errors", "coverage", "settings")
        write_json({"folder": str(folder), **{key: card[key] for key in shown}})
        return
    errors, unit = card["errors"], f" {card['unit']}" if card["unit"] else ""
    console = make_console()
    console.print(f"{model.entry.title}: {card['rows']} rows of {card['formulas']} formulas")
    console.print(
        f"Mean absolute error on formulas left out: {errors['rows']:.4g}{unit}; always saying the median: {errors['of_the_median']:.4g}{unit}"
    )
    console.print(f"The 90 % interval holds {100 * card['coverage']['0.9']:.0f} % of what was left out.")
    if errors["rows"] > 0.95 * errors["of_the_median"]:
        console.print("The formulas tell next to nothing of it: do not rely on this model.", style="unknown")
    console.print(f"Weights and card: {folder}; matsmith predict FORMULA --model {folder}", style="quiet")
