"""`matsmith synthesis`: how a composition would be made, by what papers report."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matsmith.app.guard import guarded
from matsmith.core.errors import DataError, SpecError

if TYPE_CHECKING:
    from rich.console import Console

    from matsmith.core.record import Outcome

_KELVIN = 273.15


class RouteChoice(StrEnum):
    """Routes as they are named on the command line."""

    SOLID_STATE = "solid-state"
    SOL_GEL = "sol-gel"


@guarded
def synthesis(
    formula: Annotated[str, typer.Argument(help="a formula, such as Li7La3Zr2O12", show_default=False)],
    route: Annotated[
        RouteChoice | None,
        typer.Option("--route", help="the likelier of the two when left out", show_default=False),
    ] = None,
    count: Annotated[
        int,
        typer.Option("--count", "-n", min=1, max=20, help="how many precursor sets and published reactions"),
    ] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="machine-readable")] = False,
) -> int:
    r"""Tell how a composition would be made: precursors, route, temperatures and times, nearest published reactions.

    All of it is learnt from syntheses read out of papers. Intervals hold nine of ten left-out reports. The nearest published
    reactions, with their DOIs, need `matsmith data get synthesis`; without them the rest still answers.

    \b
    Examples:
      matsmith synthesis "Li7La3Zr2O12"
      matsmith synthesis "BaTiO3" --route sol-gel --json
    """  # fmt: skip
    from matsmith.app.console import make_console, write_json
    from matsmith.core.settings import load_settings
    from matsmith.knowledge.synthesis.table import is_first_reading
    from matsmith.models.predictors.compositions import read_formula
    from matsmith.models.predictors.library import check_covered
    from matsmith.tools.base import Deps
    from matsmith.tools.known_synthesis import KnownSynthesisArgs, reactions_missing
    from matsmith.tools.registry import get_tool
    from matsmith.tools.synthesis import SynthesisArgs

    deps = Deps(settings=load_settings())
    # Before it is checked as an argument: what is no formula is told in words.
    check_covered(read_formula(formula))
    formula = "".join(formula.split())
    tool = get_tool("synthesis")
    absent = tool.missing(deps.settings)
    if absent is not None:
        raise DataError(f"{absent[0].upper()}{absent[1:]}")
    if is_first_reading(deps.settings.data_dir, cache_dir=deps.settings.cache_dir):
        print("Reading the published reactions, once; later calls are quick.", file=sys.stderr, flush=True)
    wanted = None if route is None else "sol-gel" if route is RouteChoice.SOL_GEL else "solid state"
    found = tool.run(SynthesisArgs(formula=formula, route=wanted, count=count), deps=deps)
    if found.failure is not None:
        raise SpecError(found.failure.message, hint=found.failure.hint)
    known: Outcome | None = None
    if reactions_missing(deps.settings) is None:
        known = get_tool("known_synthesis").run(KnownSynthesisArgs(formula=formula), deps=deps)
    if as_json:
        write_json(_document(found, known))
    else:
        _print(make_console(), found, known)
    return 0


def _document(found: Outcome, known: Outcome | None) -> dict[str, Any]:
    facts = {name: value for name, value in found.facts.items() if name != "inconclusive"}
    return {
        **facts,
        "predicted": {name: one.model_dump(mode="json") for name, one in found.quantities.items()},
        "published": None
        if known is None or known.failure is not None
        else {
            name: {**one.model_dump(mode="json"), **_dict(known.facts.get(name))}
            for name, one in known.quantities.items()
        },
        "warnings": list(found.warnings),
        "reference": found.method.reference if found.method else "",
    }


def _dict(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]


def _print(console: Console, found: Outcome, known: Outcome | None) -> None:
    from rich.text import Text

    facts: dict[str, Any] = dict(found.facts)
    like: dict[str, Any] = facts["resemblance"]
    does = facts["resembles_published_targets"]
    console.print(Text(str(facts["formula"]), style="label"))
    console.print(
        Text(
            f"{'Resembles' if does else 'Does not resemble'} published targets: it scores above {like['above_share_of_published_targets_left_out']:.0%} "
            f"of those left out, and above {like['above_share_of_compositions_with_elements_exchanged']:.0%} of compositions with elements exchanged.",
            style="met" if does else "unknown",
        )
    )
    share = float(facts["sol_gel_share"])
    console.print(f"Route: {facts['route']} (sol-gel in {share:.0%} of what papers report of its like)\n")
    _print_precursors(console, facts["precursor_sets"])
    _print_steps(console, found, known)
    _print_near(console, facts)
    for warning in found.warnings:
        console.print(Text(warning, style="unknown"))


def _print_precursors(console: Console, sets: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from matsmith.app.console import plain_table

    if not sets:
        return
    table = plain_table("Precursors", "Share", "Reaction", right=frozenset({"Share"}))
    for one in sets:
        table.add_row(
            Text(" + ".join(one["precursors"]), style="label"),
            Text(f"{one['share']:.0%}"),
            Text(str(one.get("reaction", "")), style="quiet"),
        )
    console.print(table)
    console.print()


def _print_steps(console: Console, found: Outcome, known: Outcome | None) -> None:
    from rich.text import Text

    from matsmith.app.console import plain_table

    intervals = _dict(found.facts.get("intervals_90"))
    table = plain_table("Step", "Predicted", "90 % interval", "Published of this composition")
    for name, (low, high) in intervals.items():
        quantity = found.quantities[name]
        hot = quantity.unit == "K"
        shift, unit = (_KELVIN, "°C") if hot else (0.0, quantity.unit)
        digits = ".0f" if hot else ".2g"
        report = ""
        if known is not None and name in known.quantities:
            own, told = known.quantities[name], _dict(known.facts.get(name))
            report = f"{own.value - _KELVIN:.0f} °C ({told['papers']} papers, {told['lowest_c']:.0f} to {told['highest_c']:.0f}; doi:{told['dois'][0]})"
        table.add_row(
            Text(name.replace("_", " "), style="label"),
            Text(f"{quantity.value - shift:{digits}} {unit}"),
            Text(f"{low - shift:{digits}} to {high - shift:{digits}} {unit}", style="quiet"),
            Text(report, style="known"),
        )
    console.print(table)
    console.print()


def _print_near(console: Console, facts: dict[str, Any]) -> None:
    from rich.text import Text

    from matsmith.app.console import plain_table

    missing = facts.get("nearest_published_missing")
    if missing:
        console.print(Text(f"Nearest published reactions: {missing}", style="unknown"))
        return
    table = plain_table("Nearest published", "Route", "Precursors", "Steps", "DOI")
    for one in facts["nearest_published"]:
        steps = ", ".join(
            f"{step['word']} {step['temperature_c']:.0f} °C" + (f" {step['time_h']:g} h" if step["time_h"] else "")
            for step in one["steps"]
            if step["temperature_c"] is not None and step["kind"] != "drying"
        )  # fmt: skip
        table.add_row(
            Text(one["formula"], style="label"),
            Text(one["route"]),
            Text(" + ".join(one["precursors"])),
            Text(steps, style="quiet"),
            Text(one["doi"], style="known"),
        )
    console.print(table)
