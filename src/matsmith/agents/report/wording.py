"""How the report says things: units, targets, verdicts, probabilities, durations and facts, in words for people."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import JsonValue

from matsmith.core.properties import PROPERTIES
from matsmith.core.quantity import Quantity, Relation, format_value
from matsmith.core.run import StopReason
from matsmith.core.space_group import CRYSTAL_SYSTEMS
from matsmith.core.spec import Target
from matsmith.core.verdict import Answer, Verdict

_UNIT_PIECES = (
    ("m**0.5", "m½"),
    ("**2", "²"),
    ("**3", "³"),
    ("angstrom3", "Å³"),
    ("angstrom", "Å"),
    ("cm3", "cm³"),
    ("mu_B", "μB"),
    ("uV", "µV"),
    ("*", "·"),
)
_LISTED = 12
_OF_FURNACES = frozenset(("calcination_temperature", "sintering_temperature"))
_EXCHANGED = re.compile(r"([a-z_]+)_with_([a-z]{1,2})_for_([a-z]{1,2})")
_FACT_UNITS = {
    "_mev_per_atom": "meV/atom",
    "_ev_per_atom": "eV/atom",
    "_ev_per_angstrom": "eV/Å",
    "_mev": "meV",
    "_ev": "eV",
    "_gpa": "GPa",
    "_angstrom3": "Å³",
    "_angstrom": "Å",
    "_seconds": "s",
    "_s": "s",
    "_k": "K",
}
_STOP_WORDS = {
    StopReason.MET: "met",
    StopReason.BUDGET: "budget used up",
    StopReason.STALLED: "stalled",
    StopReason.IMPOSSIBLE: "impossible",
    StopReason.REFUSED: "refused",
}


def unit_text(unit: str) -> str:
    """A unit as people write it.

    >>> unit_text("W/(m*K)"), unit_text("g/cm3"), unit_text("angstrom3/atom")
    ('W/(m·K)', 'g/cm³', 'Å³/atom')
    """
    for plain, pretty in _UNIT_PIECES:
        unit = unit.replace(plain, pretty)
    return unit


def title_of(name: str) -> str:
    """The registry's title of a property or, for another name, its words.

    >>> title_of("bulk_modulus"), title_of("false_stable_rate")
    ('bulk modulus', 'false stable rate')
    >>> title_of("measured_band_gap_with_hf_for_ti")
    'measured band gap with Hf for Ti'
    """
    entry = PROPERTIES.get(name)
    if entry:
        return entry.title
    exchanged = _EXCHANGED.fullmatch(name)
    if exchanged and exchanged[1] in PROPERTIES:
        return f"{plain_title(exchanged[1])} with {exchanged[2].title()} for {exchanged[3].title()}"
    return name.replace("_", " ")


def fact_title(name: str) -> str:
    """The words of a fact's name, with the unit that ends it set apart.

    >>> fact_title("fit_residual_ev_per_atom"), fact_title("tolerance_angstrom"), fact_title("tier")
    ('fit residual (eV/atom)', 'tolerance (Å)', 'tier')
    """
    for ending, unit in _FACT_UNITS.items():
        if name.endswith(ending) and len(name) > len(ending):
            return f"{title_of(name.removesuffix(ending))} ({unit})"
    return title_of(name)


def plain_title(name: str) -> str:
    """A property's title as it stands within a sentence.

    >>> plain_title("measured_band_gap"), plain_title("bulk_modulus")
    ('measured band gap', 'bulk modulus')
    """
    title, _, kind = PROPERTIES[name].title.partition(", ")
    return f"{kind} {title}".strip()


def value_text(quantity: Quantity) -> str:
    """Value, sigma and unit, with as many digits as sigma deserves."""
    return format_value(quantity.value, sigma=quantity.sigma, unit=unit_text(quantity.unit)).replace(
        "-", "−", 1
    )


def target_text(target: Target) -> str:
    """What a target asks, without the property's name: `> 150 GPa`; a furnace's temperature in °C too."""
    unit = f" {unit_text(target.unit)}" if target.unit else ""
    if target.reference is not None:
        return target.describe().removeprefix(target.property).strip()
    unit += _in_celsius(target)
    match target.relation:
        case Relation.ABOVE:
            return f"> {target.value:g}{unit}"
        case Relation.BELOW:
            return f"< {target.value:g}{unit}"
        case Relation.BETWEEN:
            return f"{target.value:g} to {target.upper:g}{unit}"
        case Relation.AROUND:
            return f"≈ {target.value:g}{unit} (± {100 * target.tolerance:.0f} %)"
        case _:
            return "as high as possible" if target.relation is Relation.MAXIMISE else "as low as possible"


def _in_celsius(target: Target) -> str:
    """The temperatures of a target of processing as a laboratory sets them, "" for any other target."""
    ends = [end for end in (target.value, target.upper) if end is not None]
    if target.property not in _OF_FURNACES or target.unit != "K" or not ends:
        return ""
    return f" ({' to '.join(f'{end - 273.15:.4g}' for end in ends)} °C)"


def probability_text(probability: float | None) -> str:
    """A probability in per cent, never rounded to certainty.

    >>> probability_text(0.9999), probability_text(0.841), probability_text(0.0)
    ('> 99.9 %', '84 %', '< 0.1 %')
    """
    if probability is None:
        return "–"
    if probability > 0.999:
        return "> 99.9 %"
    if probability < 0.001:
        return "< 0.1 %"
    percent = 100.0 * probability
    return f"{percent:.1f} %" if percent < 10 or percent > 90 else f"{percent:.0f} %"


def margin_text(verdict: Verdict) -> str:
    """The signed distance to the threshold, in the property's unit."""
    if verdict.margin is None or verdict.quantity is None:
        return "–"
    unit = unit_text(verdict.quantity.unit)
    return f"{verdict.margin:+.3g} {unit}".replace("-", "−", 1).strip()


def answer_word(verdict: Verdict, target: Target | None) -> str:
    """The verdict in a word; a target that is only optimised is neither met nor missed."""
    if target is not None and not target.is_constraint and verdict.answer is not Answer.UNKNOWN:
        return "ranked"
    return str(verdict.answer)


def stop_word(reason: StopReason | None) -> str:
    """Why the run ended, in a word or two."""
    return _STOP_WORDS[reason] if reason is not None else "interrupted"


def duration_text(seconds: float) -> str:
    """A duration that reads well.

    >>> duration_text(0.4), duration_text(42), duration_text(603), duration_text(7260)
    ('0.4 s', '42 s', '10 min 3 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


def space_groups_text(numbers: Sequence[int]) -> str:
    """Return space groups in words: whole crystal systems by name, runs of numbers as ranges; empty for none.

    >>> space_groups_text(range(195, 231)), space_groups_text([225, 227, 228, 229]), space_groups_text([])
    ('cubic', 'space group 225, 227-229', '')
    """
    left = set(numbers)
    systems = [name for name, (low, high) in CRYSTAL_SYSTEMS.items() if left.issuperset(range(low, high + 1))]
    for name in systems:
        low, high = CRYSTAL_SYSTEMS[name]
        left -= set(range(low, high + 1))
    runs: list[tuple[int, int]] = []
    for number in sorted(left):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    ranges = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
    return " or ".join([*systems, *([f"space group {ranges}"] if ranges else [])])


def fact_text(value: JsonValue) -> str:
    """A fact of any JSON type in one line.

    >>> fact_text({"MgO": 0.5, "Al2O3": 0.5}), fact_text(True), fact_text(["Fe", "O"])
    ('MgO 0.5, Al2O3 0.5', 'yes', 'Fe, O')
    >>> fact_text({"frequency_thz": list(range(40))})
    'frequency_thz: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 … (40 in all)'
    >>> fact_text([{"share": 0.5, "precursors": ["BaCO3", "TiO2"]}])
    'share 0.5, precursors (BaCO3, TiO2)'
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and len(value) > _LISTED:
        return f"{fact_text(value[:_LISTED])} … ({len(value)} in all)"
    if isinstance(value, dict):
        if any(isinstance(inner, list) and len(inner) > _LISTED for inner in value.values()):
            return ", ".join(f"{key}: {fact_text(inner)}" for key, inner in value.items())
        told = {key: fact_text(inner) for key, inner in value.items()}
        return (
            ", ".join(
                f"{key} ({told[key]})" if isinstance(inner, dict | list) else f"{key} {told[key]}"
                for key, inner in value.items()
            )
            or "none"
        )
    if isinstance(value, list):
        if all(not isinstance(inner, dict | list) for inner in value):
            return ", ".join(fact_text(inner) for inner in value) or "none"
        return "; ".join(fact_text(inner) for inner in value)
    return str(value)


def reason_group(reason: str) -> str:
    """The kind of a rejection: what stands before the details.

    >>> reason_group("atoms_too_close: Mg and O at 0.71")
    'atoms too close'
    """
    head = reason.split(":", 1)[0].strip()
    return head.replace("_", " ")[:80] or "no reason given"
