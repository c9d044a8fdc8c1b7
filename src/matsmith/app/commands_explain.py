"""`matsmith explain`: why composition models predict what they predict, for one formula or over a set."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from matsmith.app.commands_predict import read_formulas, readable_formulas
from matsmith.app.guard import FAILURE, complain, guarded
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from matsmith.models.predictors.explanation import Explanation, SetExplanation

_ROWS = 12
_NOTHING = 1e-9
"""Charges add up to nothing but for rounding."""
_CHUNK = 20
_TOWARDS = ("either", "higher", "lower")
_BAR = 24


@guarded
def explain(
    formulas: Annotated[
        list[str] | None, typer.Argument(help="formulas, such as BaZrO3", show_default=False)
    ] = None,
    name: Annotated[
        str, typer.Option("--property", "-p", metavar="NAME", help="which prediction", show_default=False)
    ] = "",
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
    towards: Annotated[
        str,
        typer.Option(
            "--towards", metavar="higher|lower|either", help="where another element should move the value"
        ),
    ] = "either",
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Say why a prediction is what it is: what each descriptor and element adds, and what another element would change.

    Contributions are exact Shapley values of the model: with its average over what it was trained on they add up to the prediction. They tell what
    the model goes by, which need not be what causes the property. Beside them stand the nearest formulas it was trained on, with their values
    where the tables are here, and the predictions with one element replaced by one of its group or charge. Several formulas are summed up.

    Exit status: 0, 1 when some formulas could not be read, 2 for wrong use.

    \b
    Examples:
      matsmith explain BaZrO3 -p measured_band_gap --towards lower
      matsmith explain --file formulas.csv -p bulk_modulus
      matsmith explain MgO TiN WC -p bulk_modulus --json > explained.json
    """
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings
    from matsmith.models.predictors.explanation import explain_set
    from matsmith.models.predictors.library import shipped
    from matsmith.models.predictors.targets import predicted_property
    from matsmith.tools.explain_prediction import facts_of

    if not name:
        raise UsageError("No property was named.", hint=f"Name one with --property: {', '.join(shipped())}.")
    if name == "stability":
        raise UsageError(
            "The chance of stability is not explained.",
            hint="`matsmith predict FORMULA -p stability --json` tells what each of its three views says.",
        )
    entry = predicted_property(name)
    if towards not in _TOWARDS:
        raise UsageError(f"There is no direction {towards!r}.", hint=f"Choose one of {', '.join(_TOWARDS)}.")
    wanted = [*(formulas or []), *(read_formulas(file) if file is not None else [])]
    if not wanted:
        raise UsageError(
            "No formula was given.", hint="Name some, such as `matsmith explain BaZrO3 -p bulk_modulus`."
        )
    readable, refused = readable_formulas(wanted)
    found = _explained(entry.name, readable)
    settings = load_settings()
    single = len(found) == 1
    told = [
        facts_of(one, _steps(one, towards=towards) if single or as_json else [], settings=settings)
        for one in found
    ]
    if as_json:
        for one, facts in zip(found, told, strict=True):
            facts |= {
                "value": one.prediction.value,
                "sigma": one.prediction.sigma,
                "unit": one.prediction.unit,
            }
            facts |= {"base": one.base, "total": one.total}
        summary = _set_json(explain_set(found)) if len(found) > 1 else None
        write_json({"explanations": told, "set": summary, "refused": refused})
    elif single:
        for part in _single(found[0], cast("dict[str, Any]", told[0])):
            make_console().print(part)
    elif found:
        for part in _summed(explain_set(found)):
            make_console().print(part)
    for one in refused:
        complain(one["message"], hint=one["hint"])
    return FAILURE if refused else 0


def _explained(name: str, formulas: list[str]) -> list[Explanation]:
    from matsmith.models.predictors.explanation import explain as explain_all

    found: list[Explanation] = []
    for begin in range(0, len(formulas), _CHUNK):
        found += explain_all(name, formulas[begin : begin + _CHUNK])
        if len(formulas) > _CHUNK:
            print(f"{len(found)} of {len(formulas)} formulas", file=sys.stderr, flush=True)
    return found


def _steps(one: Explanation, *, towards: str) -> list[Any]:
    from matsmith.models.predictors.substitutions import Direction, best_substitutions

    return best_substitutions(
        one.prediction.property, one.prediction.formula, towards=cast("Direction", towards)
    )


def _single(found: Explanation, facts: dict[str, Any]) -> list[RenderableType]:
    from rich.text import Text

    from matsmith.app.console import plain_table
    from matsmith.core.quantity import format_value
    from matsmith.models.predictors.targets import PREDICTED

    own, entry = found.prediction, PREDICTED[found.prediction.property]
    head = Text()
    head.append(f"{entry.title} of {own.formula}: ")
    head.append(format_value(own.value, sigma=own.sigma, unit=own.unit), style="label")
    head.append(f"\n{own.of}\n", style="quiet")
    head.append(
        f"On average the model says {format_value(found.usual, sigma=0.0, unit=own.unit)}; what moves it from there, in {found.scale}:",
        style="quiet",
    )
    parts: list[RenderableType] = [head]
    if not own.in_domain:
        parts.append(Text(f"Outside of the model's domain: {own.outside_because}.", style="unknown"))
    elements = plain_table("Element", "Adds", "", right=frozenset({"Adds"}))
    widest = max((abs(added) for added in found.elements.values()), default=0.0)
    for symbol, added in found.elements.items():
        elements.add_row(Text(symbol, style="label"), f"{added:+.3f}", _bar(added, widest))
    descriptors = plain_table("Descriptor", "Here", "Adds", "", right=frozenset({"Here", "Adds"}))
    widest = max((abs(part.added) for part in found.descriptors), default=0.0)
    for part in found.descriptors[:_ROWS]:
        descriptors.add_row(
            Text(part.name, style="label"),
            f"{part.value if abs(part.value) > _NOTHING else 0.0:.3g}",
            f"{part.added:+.3f}",
            _bar(part.added, widest),
        )
    rest = sum(part.added for part in found.descriptors[_ROWS:])
    descriptors.add_row(Text("all others", style="quiet"), "", f"{rest:+.3f}", "")
    nearest = plain_table("Nearest trained on", "Distance", "Its value", right=frozenset({"Distance"}))
    for one in facts["nearest"]:
        value = f"{one['value']:g} {own.unit}, {one['source']}" if "value" in one else "–"
        nearest.add_row(
            Text(one["formula"], style="label"), f"{one['distance']:.2f}", Text(value, style="quiet")
        )
    parts += [elements, descriptors, nearest]
    if facts["instead"]:
        instead = plain_table("With", "Predicted", "Change", "", right=frozenset({"Predicted", "Change"}))
        for one in facts["instead"]:
            instead.add_row(
                Text(f"{one['by']} in place of {one['replace']}", style="label"),
                format_value(one["value"], sigma=one["sigma"], unit=own.unit),
                f"{one['change']:+.3g}",
                Text("" if one["beyond_error"] else "within the error", style="quiet"),
            )
        parts.append(instead)
    parts.append(Text(f"This is {facts['what_it_is']}.", style="quiet"))
    return parts


def _bar(added: float, widest: float) -> RenderableType:
    from rich.text import Text

    length = round(_BAR * abs(added) / widest) if widest > 0 else 0
    return Text("█" * length, style="met" if added > 0 else "not_met")


def _summed(found: SetExplanation) -> list[RenderableType]:
    from rich.text import Text

    from matsmith.app.console import plain_table

    head = Text(
        f"{found.formulas} formulas; contributions to {found.property} in {found.scale}, by mean size"
    )
    elements = plain_table("Element", "Formulas", "Mean size", "Mean", right=frozenset({"Formulas", "Mean size", "Mean"}))  # fmt: skip
    for symbol, (size, mean, count) in list(found.elements.items())[:_ROWS]:
        elements.add_row(Text(symbol, style="label"), str(count), f"{size:.3f}", f"{mean:+.3f}")
    descriptors = plain_table("Descriptor", "Mean size", "Mean", right=frozenset({"Mean size", "Mean"}))
    for name, (size, mean) in list(found.descriptors.items())[:_ROWS]:
        descriptors.add_row(Text(name, style="label"), f"{size:.3f}", f"{mean:+.3f}")
    return [head, elements, descriptors]


def _set_json(found: SetExplanation) -> dict[str, Any]:
    return {
        "formulas": found.formulas,
        "scale": found.scale,
        "elements": {
            name: {"mean_size": size, "mean": mean, "formulas": count}
            for name, (size, mean, count) in found.elements.items()
        },
        "descriptors": {
            name: {"mean_size": size, "mean": mean} for name, (size, mean) in found.descriptors.items()
        },
    }
