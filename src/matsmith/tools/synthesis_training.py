"""Train the synthesis models from the mined reactions; needs scikit-learn, which predicting does not.

    python -m matsmith.tools.synthesis_training --data DIR                      # all, in order
    python -m matsmith.tools.synthesis_training --data DIR --model precursors --work DIR

Each fold's fit is kept in the work folder as soon as it is done: the same call goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from matsmith.core.errors import DataError, MatsmithError
from matsmith.knowledge.synthesis.table import synthesis_table
from matsmith.models.predictors.synthesis.entries import RESEMBLANCE, ROUTE, STEPS
from matsmith.models.predictors.synthesis.rows import Rows, rows_of

MODELS = ("precursors", ROUTE.name, RESEMBLANCE.name, *STEPS)


def main(argv: list[str] | None = None) -> int:
    """Train what is asked for; exit status as everywhere: 0, 1 for a failure, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the mined reactions")
    parser.add_argument("--model", action="append", choices=MODELS, help="may be repeated; all by default")
    parser.add_argument(
        "--work", type=Path, default=Path("synthesis-training"), help="folder for finished fits"
    )
    arguments = parser.parse_args(argv)
    try:
        rows = training_rows(arguments.data)
        for name in arguments.model or MODELS:
            train(name, rows, work=arguments.work)
    except MatsmithError as error:
        print(f"matsmith: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def training_rows(data_dir: Path) -> Rows:
    """Rows of every reaction in the folder. Raises `DataError` when there is none."""
    table = synthesis_table(data_dir)
    if table is None:
        raise DataError(
            f"{data_dir} holds no mined reactions.",
            hint="`matsmith data get synthesis` fetches them.",
        )
    return rows_of(table.reactions)


def train(name: str, rows: Rows, *, work: Path) -> None:
    """Train one model and write its weights and card."""
    from matsmith.models.predictors.synthesis import training
    from matsmith.models.predictors.synthesis.precursor_file import fit_and_save

    print(f"{name}: {len(rows.rows)} compositions made", file=sys.stderr, flush=True)
    if name == "precursors":
        fit_and_save(rows, work=work)
    elif name == ROUTE.name:
        training.fit_route(rows, work=work)
    elif name == RESEMBLANCE.name:
        training.fit_resemblance(rows, work=work)
    else:
        training.fit_step(rows, name, work=work)


if __name__ == "__main__":
    raise SystemExit(main())
