"""The model card of a composition model, as Markdown beside its weights; written by training from what it measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

VIEWS = ("trees", "networks", "kernel")
"""Parts of the stack, in its order."""


def write_card(card: dict[str, Any], path: Path, *, title: str) -> None:
    """Write a card."""
    path.write_text(card_text(card, title=title), encoding="utf-8")


def card_text(card: dict[str, Any], *, title: str) -> str:
    """The card's text; every figure is of formulas left out."""
    errors, unit = card["errors"], card["unit"] or "(no unit)"
    lines = [
        f"# {title[0].upper()}{title[1:]}, from composition",
        "",
        f"- What the number is of: {card['of']}.",
        f"- Trained on: {card['rows']} rows of {card['formulas']} formulas"
        + ("" if card["whole_table"] else ", a part of the table")
        + f" ({card['table']}); {card['left_out_rows']} rows left out.",
        f"- Data: {card['citation']}.",
        f"- Split: {card['split']}.",
        f"- Polymorphs: {card['polymorphs']}.",
        f"- Method: gradient-boosted trees on composition descriptors, {_helpers(card['helpers'])}"
        + (", stacked with networks over learned element embeddings" if "stack" in card else "")
        + (" and with kernel regression on the formulas nearby" if "errors_of_kernel" in card else "")
        + ("; 0 where trees that tell metals find one likelier than not" if "metal_roc_auc" in card else "")
        + "; no structure is seen.",
        "",
        f"| left out | {unit} |",
        "| --- | --- |",
        f"| mean absolute error, every row | {errors['rows']:.4g} |",
        f"| mean absolute error, the row aimed at | {errors['formulas']:.4g} |",
        f"| always saying the median | {errors['of_the_median']:.4g} |",
        f"| in the domain | {card['error_in_domain']:.4g} |",
        f"| outside of it | {card['error_outside']:.4g} |",
    ]
    if errors["rows_log10"] is not None:
        lines.append(f"| every row, log10 | {errors['rows_log10']:.4f} |")
    for key, words in (
        ("errors_of_trees", "trees alone"),
        ("errors_of_networks", "networks alone"),
        ("errors_of_kernel", "kernel alone"),
    ):
        if key in card:
            logarithm = card[key]["rows_log10"]
            told = f" ({logarithm:.4f} in log10)" if logarithm is not None else ""
            lines.append(f"| every row, {words} | {card[key]['rows']:.4g}{told} |")
    for name, words in (
        ("error_of_non_metals", "mean absolute error, non-metals"),
        ("roc_auc", "ROC-AUC"),
        ("metal_roc_auc", "ROC-AUC, metal or not"),
        ("metal_accuracy", "accuracy, metal or not"),
    ):
        if name in card:
            lines.append(f"| {words} | {card[name]:.4f} |")
    if "stack" in card:
        parts = ", ".join(f"{name} {weight:.2f}" for name, weight in zip(VIEWS, card["stack"], strict=False))
        lines += ["", f"Weights in the stack, mean of the folds: {parts}; each fold's are fitted to the others; {card['folds_with_network']} of 5 folds have a network."]  # fmt: skip
    lines += ["", "| interval | share of left-out rows inside |", "| --- | --- |"]
    lines += [f"| {level} | {share:.3f} |" for level, share in card["coverage"].items()]
    lines += [""]
    if card["published"]:
        lines += [
            f"Published, for comparison (Matbench's random rows, another split): {card['published']}.",
            "",
        ]
    if "metal_roc_auc" in card:
        lines += [
            "A metal is what the table gives no gap: insulating oxides and phosphates of iron, cobalt and vanadium are among these (LiFe2(PO4)3), so that for "
            "their kin a gap of 0 says what the table says, and not what would be measured.",
            "",
        ]
    lines += [
        "Not for: telling polymorphs of a formula apart, doped or disordered materials (save glasses), properties at pressure or"
        " high temperature, or confirming that a design is met.",
        "",
    ]
    return "\n".join(lines)


def _helpers(names: list[str]) -> str:
    return f"with predicted {', '.join(names)} among them" if names else "with no other prediction among them"
