"""What became of the verdicts that were checked: counts, the share of false ones, and the lines that are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from independent_hull import Offset
from independent_potential import Calibration

LARGEST_FALSE_SHARE = 0.02


@dataclass(frozen=True, kw_only=True)
class Check:
    """What became of one verdict, or of one wish about a crystal that meets."""

    run: str
    rank: int
    formula: str
    property: str
    target: str
    answer: str
    stated: float | None
    independent: float | None
    sigma: float | None
    basis: str
    outcome: str
    strict: bool | None = None
    second: str = ""
    note: str = ""


def totals(checks: Iterable[Check]) -> dict[str, Any]:
    """Counts over the verdicts (wishes apart), by answer and by basis, and the share of false ones."""
    everything = list(checks)
    verdicts = [one for one in everything if one.basis != "crystal"]
    met = Counter(one.outcome for one in verdicts if one.answer == "met")
    decided = met["confirmed"] + met["refuted"]
    judged = [one for one in verdicts if one.strict is not None]
    return {
        "verdicts": len(verdicts),
        "by_answer": {
            answer: dict(Counter(one.outcome for one in verdicts if one.answer == answer))
            for answer in ("met", "not met")
        },
        "by_basis": {
            basis: dict(Counter(one.outcome for one in verdicts if one.basis == basis))
            for basis in sorted({one.basis for one in verdicts})
        },
        "false_met": met["refuted"],
        "false_share_of_decided_met": met["refuted"] / decided if decided else 0.0,
        "false_share_of_all": sum(one.outcome == "refuted" for one in verdicts) / len(verdicts)
        if verdicts
        else 0.0,
        "strict_right": sum(bool(one.strict) for one in judged),
        "strict_wrong": sum(not one.strict for one in judged),
        "strict_wrong_met": sum(not one.strict for one in judged if one.answer == "met"),
        "second_agrees": sum(one.second.endswith("confirmed") for one in verdicts),
        "second_refutes": sum(one.second.endswith("refuted") for one in verdicts),
        "wishes": dict(Counter(one.outcome for one in everything if one.basis == "crystal")),
    }


def passed(summary: dict[str, Any]) -> bool:
    """Whether few enough verdicts are false and no wish is broken."""
    return summary["false_share_of_decided_met"] <= LARGEST_FALSE_SHARE and not summary["wishes"].get(
        "refuted", 0
    )


def line(check: Check) -> str:
    """One check in one line."""
    stated = "" if check.stated is None else f" stated {check.stated:.4g}"
    other = "" if check.independent is None else f", independent {check.independent:.4g} ± {check.sigma:.2g}"
    second = f"; {check.second}" if check.second else ""
    note = f" ({check.note})" if check.note else ""
    return (
        f"{check.outcome.upper():9} {check.run} #{check.rank} {check.formula}: {check.property} {check.target}: "
        f"{check.answer}{stated}{other}, by {check.basis}{note}{second}"
    )


def show(
    checks: list[Check],
    summary: dict[str, Any],
    *,
    calibration: Calibration | None,
    offsets: Mapping[str, Offset],
) -> None:
    """Print the false `met` first, then the other refuted ones, then the totals."""
    refuted = sorted((one for one in checks if one.outcome == "refuted"), key=lambda one: one.answer)
    print(f"false `met`, broken wishes and other refuted verdicts: {len(refuted)}")
    for one in refuted:
        print("  " + line(one))
    print(f"verdicts checked: {summary['verdicts']}")
    for kind in ("by_answer", "by_basis"):
        for name, counts in summary[kind].items():
            parts = ", ".join(
                f"{counts.get(word, 0)} {word}" for word in ("confirmed", "undecided", "refuted")
            )
            print(f"  {name:12} {parts}")
    print(
        f"false share of the decided `met`: {summary['false_share_of_decided_met']:.1%}; of all verdicts {summary['false_share_of_all']:.1%}"
    )
    print(
        f"without any tolerance: {summary['strict_right']} right, {summary['strict_wrong']} wrong, of these {summary['strict_wrong_met']} `met`"
    )
    print(
        f"second source beside a measured one: {summary['second_agrees']} agree, {summary['second_refutes']} refute"
    )
    print(f"wishes about composition, symmetry, size, novelty: {summary['wishes']}")
    if calibration is not None:
        print(
            f"potential: modulus times {calibration.modulus_factor:.3f} (scatter {calibration.modulus_sigma:.1%}), "
            f"volume times {calibration.volume_factor:.3f} ({calibration.volume_sigma:.1%}), "
            f"fitted on {calibration.crystals} measured crystals"
        )
    for anion, offset in offsets.items():
        print(
            f"measured enthalpies of {anion}: {offset.ev_per_anion:+.3f} eV per {anion} onto the table's scale, "
            f"scatter {offset.sigma_ev_per_atom:.3f} eV/atom, fitted on {offset.formulas} formulas"
        )
