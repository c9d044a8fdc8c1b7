"""The precursor model on disk: trained, measured on left-out formulas, written with its card and read again by its hash."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.models.predictors.compositions import FOLDS
from matsmith.models.predictors.sealed import check_seal, group, read_sealed, write_sealed
from matsmith.models.predictors.synthesis.entries import CITATION, PRECURSORS
from matsmith.models.predictors.synthesis.precursor_training import (
    fit_precursors,
    pairs_together,
    precursor_examples,
)
from matsmith.models.predictors.synthesis.precursors import PrecursorModel
from matsmith.models.predictors.synthesis.rows import Rows

FORMAT, VERSION = "matsmith-precursors", "1"
_HINT = "Reinstall matsmith, or train it again with `python -m matsmith.tools.synthesis_training`."
EPOCHS = 5


def fit_and_save(rows: Rows, *, work: Path, path: Path = PRECURSORS, epochs: int = EPOCHS) -> PrecursorModel:
    """Train on all rows in five folds, write weights and card."""
    examples = precursor_examples(rows.rows)
    model, features = fit_precursors(rows, examples, epochs=epochs, work=work)
    folds = rows.folds[np.array(examples.places)]
    pairs = pairs_together(model, examples, features=features, folds=folds)
    card: dict[str, Any] = {
        "of": "precursor sets as papers report them; hydrates and spellings of one precursor count as one, solvents and chelating agents not at all",
        "citation": CITATION,
        "formulas": len({rows.rows[place].key for place in examples.places}),
        "rows": len(examples.places),
        "left_out": examples.dropped,
        "precursors": len(model.keys),
        "split": f"{FOLDS} folds by formula, the members of one paper's series together",
    }
    model = replace(model, pairs=pairs, card=card)
    save_precursors(model, path)
    path.with_suffix(".md").write_text(_card_text(card), encoding="utf-8")
    return load_precursors(path)


def save_precursors(model: PrecursorModel, path: Path) -> str:
    """Write a model; return the hash of its contents."""
    first, second = np.nonzero(model.pairs)
    arrays: dict[str, NDArray[Any]] = {
        "known": np.packbits(model.known, axis=1),
        "centre": model.centre,
        "spread": model.spread,
        "pairs.first": first.astype(np.uint16),
        "pairs.second": second.astype(np.uint16),
        "pairs.value": model.pairs[first, second].astype(np.float16),
    }
    for place, layers in enumerate(model.members):
        arrays |= {f"member{place}.{name}": np.ascontiguousarray(array) for name, array in layers.items()}
    card = json.dumps({**model.card, "names": model.names, "keys": model.keys}, sort_keys=True)
    return write_sealed(path, arrays, header={"format": FORMAT, "version": VERSION, "card": card})


def load_precursors(path: Path = PRECURSORS) -> PrecursorModel:
    """Read a model. Raises `DataError` when the file is missing, damaged or foreign."""
    arrays, header = read_sealed(path, what="precursors", hint=_HINT)
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise DataError(f"{path.name} is no precursor model for this version.", hint=_HINT)
    check_seal(path, arrays, header=header, hint=_HINT)
    try:
        card: dict[str, Any] = json.loads(header["card"])
        names, keys = list(card.pop("names")), list(card.pop("keys"))
        pairs = np.zeros((len(keys), len(keys)), dtype=np.float32)
        pairs[arrays["pairs.first"], arrays["pairs.second"]] = arrays["pairs.value"]
        return PrecursorModel(
            names=names,
            keys=keys,
            known=np.unpackbits(arrays["known"], axis=1, count=len(keys)).astype(bool),
            centre=arrays["centre"],
            spread=arrays["spread"],
            members=[group(arrays, f"member{place}") for place in range(FOLDS)],
            pairs=pairs,
            card=card,
            sha256=header["sha256"],
        )
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error


def _card_text(card: dict[str, Any]) -> str:
    left_out = ", ".join(f"{count} {why}" for why, count in card["left_out"].items())
    return "\n".join(
        [
            "# Precursors, from composition",
            "",
            f"- What is predicted: {card['of']}.",
            f"- Trained on: {card['rows']} sets of {card['formulas']} formulas; left out: {left_out}.",
            f"- Data: {card['citation']}.",
            f"- Split: {card['split']}.",
            f"- Method: for each element a choice among {card['precursors']} precursors known to bring it, by a small network a fold over "
            "descriptors, elements and route; sets are ranked by the product, and by how often two go together beyond it.",
            "- Figures: `python benchmarks/synthesis.py` measures top-1 and top-5 exact sets on left-out formulas.",
            "",
            "Not for: precursors that fewer than three published sets name, amounts of flux or excess, or a promise that a reaction runs.",
            "",
        ]
    )
