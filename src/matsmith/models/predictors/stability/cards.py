"""The model card of the stability model, as Markdown beside its weights."""

from __future__ import annotations

from typing import Any


def card_text(card: dict[str, Any]) -> str:
    """The card's text; every figure is of formulas left out."""
    lines = [
        "# Stability, from composition",
        "",
        "- What the number is: the chance that a formula lies on the convex hull of a database's phases at 0 K. A database is a finite list: "
        "what is off its hull may be unstable or not have been computed there.",
        f"- Split: {card['split']}; the stacking weights of each formula are fitted to other left-out ones.",
        "- Method: boosted trees on the elements' statistics, boosted trees on electron configurations and a network over all pairs of elements, "
        "stacked by a logistic model; after ECSG (Zou et al. 2025). The network also learns formation energies and energies above hull.",
        f"- The network was trained for {100 * card['network_done']:.0f} % of {card['network']['epochs']} passes; "
        f"{card['trees']['iterations']} trees a view.",
        "",
        "| left out | " + " | ".join(card["databases"]) + " |",
        "| --- |" + " --- |" * len(card["databases"]),
    ]
    told = [_told(own) for own in card["databases"].values()]
    lines += [f"| {title} | " + " | ".join(one[title] for one in told) + " |" for title in told[0]]
    lines += ["", *(f"- {name}: {own['citation']}." for name, own in card["databases"].items())]
    lines += [
        "",
        "The table of JARVIS-DFT marks fewer than 1 % of its oxides as stable; corundum (Al2O3), quartz (SiO2) and perovskite (CaTiO3) are "
        "marked as not stable in it. Its high ROC-AUC is therefore in part that of telling oxides from halides, and what it says of an oxide is "
        "no statement about nature. Candidates are ordered by the Materials Project's chance alone.",
        "",
        "Not for: confirming that a design is stable, telling polymorphs apart, doped or disordered materials, pressure or high temperature.",
        "",
    ]
    return "\n".join(lines)


def _told(own: dict[str, Any]) -> dict[str, str]:
    """What is said of one database, by title."""
    return {
        "formulas left out": f"{own['left_out']} of {own['formulas']}",
        "stable": f"{100 * own['base_rate']:.1f} %",
        "ROC-AUC": f"{own['roc_auc']:.4f}",
        **{f"ROC-AUC of {view} alone": f"{area:.4f}" for view, area in own["roc_auc_of_views"].items()},
        "Brier score": f"{own['brier']:.4f}",
        "Brier score of the base rate": f"{own['brier_of_base_rate']:.4f}",
        "expected calibration error": f"{own['calibration_error']:.4f}",
        "accuracy at one half": f"{own['accuracy']:.4f}",
        "published": own["published"] or "–",
    }
