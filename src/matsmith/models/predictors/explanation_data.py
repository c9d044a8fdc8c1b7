"""What explanations need beside the weights: in which shares training formulas split at every node, and the formulas held for distances.

    python -m matsmith.models.predictors.explanation_data --data DIR            # for all models that ship; a minute or two

It lies beside the weights as `PROPERTY.explained.safetensors` and names the hash of the weights that it belongs to. The values of the formulas
are not in it: they stay in their tables.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError, MatsmithError
from matsmith.models.predictors import library
from matsmith.models.predictors.compositions import Compositions, FloatArray
from matsmith.models.predictors.descriptors import descriptors, element_table
from matsmith.models.predictors.domain import held_rows
from matsmith.models.predictors.evaluation import DISTANCE_SEED, KEPT_FOR_DISTANCE
from matsmith.models.predictors.model import CompositionModel, Helper
from matsmith.models.predictors.sealed import check_seal, read_sealed, write_sealed
from matsmith.models.predictors.shapley import left_shares
from matsmith.models.predictors.targets import PREDICTED, predicted_property
from matsmith.models.predictors.training_table import TrainingTable, read_training_table
from matsmith.models.predictors.trees import encode

_FORMAT, _VERSION = "matsmith-explained", "1"
_HINT = "Reinstall matsmith, or make it again with `python -m matsmith.models.predictors.explanation_data`."
_MOST_ROWS = 12_000
_LARGEST_UNIT = 60
_ANIONS = ("B", "Si", "C", "Sb", "As", "P", "N", "H", "Te", "Se", "S", "I", "Br", "Cl", "O", "F")


@dataclass(frozen=True)
class ExplanationData:
    """`left_share` (nodes,) of the model's trees in steps of 1/256, and the formulas that its domain holds, in its order."""

    left_share: NDArray[np.uint8]
    formulas: list[str]


def data_path(weights: Path) -> Path:
    """Where the explanation data of a weights file lie."""
    return weights.with_name(f"{weights.stem}.explained.safetensors")


def make_data(
    model: CompositionModel, table: TrainingTable, *, path: Path, helper: Helper | None = None
) -> None:
    """Send training formulas through the trees, at most 12,000 of them, and write what they did beside the weights at `path`."""
    rows = held_rows(len(table), kept=_MOST_ROWS, seed=DISTANCE_SEED + 1)
    part = table.compositions.part(rows)
    columns = descriptors(part)
    codes = encode(model.columns(part, columns, helper=helper or library.helper_columns()), model.cuts)
    held = held_rows(len(table), kept=KEPT_FOR_DISTANCE, seed=DISTANCE_SEED)
    names = [readable(table.compositions, int(row)) for row in held]
    packed = zlib.compress(json.dumps(names).encode(), 9)
    write_sealed(
        data_path(path),
        {"left_share": left_shares(model.trees, codes), "formulas": np.frombuffer(packed, dtype=np.uint8)},
        header={
            "format": _FORMAT,
            "version": _VERSION,
            "card": json.dumps({"weights": model.sha256, "formulas": len(rows)}),
        },
    )


def load_data(model: CompositionModel, *, path: Path) -> ExplanationData:
    """The explanation data of a model whose weights lie at `path`. Raises `DataError` when missing, damaged or of other weights."""
    own = data_path(path)
    return _loaded(own, model.sha256, own.stat().st_mtime_ns if own.is_file() else 0)


@lru_cache(maxsize=16)
def _loaded(path: Path, sha256: str, changed_ns: int) -> ExplanationData:
    del changed_ns  # part of the key only: a changed file is read again
    arrays, header = read_sealed(path, what="explanations", hint=_HINT)
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise DataError(f"{path.name} holds no explanations for this version.", hint=_HINT)
    check_seal(path, arrays, header=header, hint=_HINT)
    try:
        belongs_to = json.loads(header["card"])["weights"]
        formulas = json.loads(zlib.decompress(arrays["formulas"].tobytes()))
        found = ExplanationData(left_share=arrays["left_share"], formulas=[str(one) for one in formulas])
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error
    if belongs_to != sha256:
        raise DataError(f"{path.name} belongs to other weights than those that lie beside it.", hint=_HINT)
    return found


def readable(compositions: Compositions, row: int) -> str:
    """A formula as people write it, with whole numbers where a unit of at most 60 atoms has them.

    >>> from matsmith.models.predictors.compositions import gather, read_formula
    >>> readable(gather([read_formula("Ba2TiO4")]), 0), readable(gather([read_formula("Fe0.991C0.009")]), 0)
    ('Ba2TiO4', 'Fe0.991C0.009')
    """
    numbers: list[int] = compositions.elements[row].tolist()
    symbols = [SYMBOLS[number - 1] for number in numbers if number > 0]
    fractions: FloatArray = compositions.fractions[row, : len(symbols)]
    for unit in range(1, _LARGEST_UNIT + 1):
        amounts: FloatArray = fractions * unit
        if np.abs(amounts - np.round(amounts)).max() < 2e-3 and np.round(amounts).min() >= 1:
            written = [f"{round(amount)}" for amount in amounts]
            break
    else:
        written = [f"{fraction:.4g}" for fraction in fractions]
    order = sorted(range(len(symbols)), key=lambda place: _place_in_formula(symbols[place]))
    return "".join(symbols[place] + ("" if written[place] == "1" else written[place]) for place in order)


def _place_in_formula(symbol: str) -> tuple[int, float]:
    """Cations by electronegativity, then anions in the order in which chemists write them."""
    table = element_table()
    value = float(table.values[SYMBOLS.index(symbol), table.columns.index("electronegativity")])
    return (_ANIONS.index(symbol) + 1 if symbol in _ANIONS else 0, value)


def main(argv: list[str] | None = None) -> int:
    """Make the explanation data of what ships, or of some of it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the tables")
    parser.add_argument(
        "--property", action="append", help="one of the properties; may be repeated; all by default"
    )
    arguments = parser.parse_args(argv)
    try:
        for name in arguments.property or [
            name for name in PREDICTED if library.weights_path(name).is_file()
        ]:
            entry, model = predicted_property(name), library.model_of(name)
            limit = None if model.card["whole_table"] else model.card["formulas"]
            table = read_training_table(arguments.data, entry, limit=limit)
            path = library.weights_path(name)
            make_data(model, table, path=path)
            size = data_path(path).stat().st_size / 1e3
            print(f"{name}: {len(table)} formulas, {size:.0f} kB", file=sys.stderr, flush=True)
    except MatsmithError as error:
        print(f"matsmith: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
