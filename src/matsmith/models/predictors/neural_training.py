"""Train the networks over elements, one for each fold left out, on all tables at once; torch, numpy and safetensors only.

    python -m matsmith.models.predictors.neural_training --data DIR --work DIR            # five folds, one after the other
    python -m matsmith.models.predictors.neural_training --data DIR --fold 0 --epochs 3   # a trial of one fold
    python -m matsmith.models.predictors.neural_training --data DIR --device cuda --width 256 --epochs 200

Every epoch takes all formulas of the small tables and as many others of the two big ones as `--others` says. A checkpoint is written every minute:
the same call goes on where it was stopped. `python -m matsmith.models.predictors.train` then stacks the networks with the trees.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import MatsmithError
from matsmith.models.predictors.compositions import FOLDS, Compositions, FloatArray, IntArray, gather
from matsmith.models.predictors.descriptors import descriptors, element_table
from matsmith.models.predictors.neural import WEIGHTS, Networks, save_networks, standardised
from matsmith.models.predictors.stability.interaction_network import ELEMENTS, InteractionNetwork
from matsmith.models.predictors.stability.network_training import Extra, NetworkSettings, Tasks, train_network
from matsmith.models.predictors.targets import PREDICTED
from matsmith.models.predictors.training_table import read_training_table

BIG = ("formation_energy", "computed_band_gap")
"""Tables of which an epoch takes a part."""
_WEIGHTS = {"measured_band_gap": 2.0, "phonon_peak": 2.0, "exfoliation_energy": 2.0} | dict.fromkeys(BIG, 0.5)
_MOST_ELEMENTS = 6
"""Formulas with more elements are not trained on: they are few, and every pair of elements costs."""
_CHUNK = 8
"""So many batches are drawn together and sorted by number of elements."""
_SEED = 70
SETTINGS = NetworkSettings(
    width=128,
    layers=2,
    epochs=40,
    batch=512,
    learning_rate=3e-3,
    weight_decay=0.03,
    dropout=0.1,
    average=0.995,
    bend=0.2,
)


@dataclass(frozen=True)
class Union:
    """All formulas of all tables: `columns` (n, descriptors), `targets` (n, tasks) with gaps, `folds` (n,)."""

    compositions: Compositions
    columns: NDArray[np.float32]
    targets: FloatArray
    folds: IntArray
    names: tuple[str, ...]


def main(argv: list[str] | None = None) -> int:
    """Train; exit status as everywhere: 0, 1 for a failure, 2 for wrong use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with the tables")
    parser.add_argument("--work", type=Path, default=Path("network-training"), help="folder for checkpoints")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="the weights file")
    parser.add_argument("--epochs", type=int, default=SETTINGS.epochs, help="passes over the small tables")
    parser.add_argument("--others", type=int, default=8_000, help="formulas of the big tables in an epoch")
    parser.add_argument("--width", type=int, default=SETTINGS.width, help="width of the networks")
    parser.add_argument(
        "--fold", type=int, choices=range(FOLDS), help="this fold only; nothing is written to --out"
    )
    parser.add_argument("--limit", type=int, help="take so many formulas of each table")
    parser.add_argument("--device", default="cpu", help="where to train")
    parser.add_argument("--minutes", type=float, help="stop each fold then; the same call goes on from there")
    parser.add_argument(
        "--enough",
        type=float,
        default=1.0,
        help="take a network as it is when this share of its training is done",
    )
    arguments = parser.parse_args(argv)
    try:
        train(
            arguments.data,
            work=arguments.work,
            out=arguments.out,
            settings=replace(SETTINGS, epochs=arguments.epochs, width=arguments.width),
            others=arguments.others,
            folds=range(FOLDS) if arguments.fold is None else [arguments.fold],
            limit=arguments.limit,
            device=arguments.device,
            minutes=arguments.minutes,
            enough=arguments.enough,
        )
    except MatsmithError as error:
        print(f"matsmith: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def train(
    data_dir: Path,
    *,
    work: Path,
    out: Path,
    settings: NetworkSettings,
    others: int,
    folds: Sequence[int],
    limit: int | None = None,
    device: str = "cpu",
    minutes: float | None = None,
    enough: float = 1.0,
) -> dict[int, InteractionNetwork]:
    """Train the folds asked for; where these are all, write the weights file after each, so that a stop leaves something to stack.

    A network counts when the share `enough` of its training is done.
    """
    started = time.monotonic()
    union = read_union(data_dir, limit=limit)
    centre, spread = union.columns.mean(axis=0), np.maximum(union.columns.std(axis=0), 1e-6)
    columns = standardised(union.columns, centre=centre, spread=spread)
    _say(f"{len(union.folds)} formulas, {dict(zip(union.names, np.isfinite(union.targets).sum(axis=0).tolist(), strict=True))}")  # fmt: skip
    members: dict[int, InteractionNetwork] = {}
    shares: dict[int, float] = {}
    for fold in folds:
        member, done = train_fold(union, columns, fold=fold, work=work, settings=settings, others=others, device=device, minutes=minutes)  # fmt: skip
        _say(f"fold {fold + 1} of {FOLDS}: {100 * done:.0f} % done, {time.monotonic() - started:.0f} s; left out: {_told(union, columns, member, fold=fold)}")  # fmt: skip
        if done < enough:
            _say("  not enough to be taken; the same call goes on.")
            continue
        members[fold], shares[fold] = member, done
        if len(folds) < FOLDS:
            continue
        card: dict[str, Any] = {
            "settings": asdict(settings),
            "others": others,
            "split": f"{FOLDS} folds by hash of the composition, the same for every table",
            "formulas": len(union.folds),
            "whole_table": limit is None,
            "done": {str(one): round(share, 3) for one, share in shares.items()},
        }
        found = Networks(
            members=tuple(members.get(one) for one in range(FOLDS)), centre=centre, spread=spread, card=card
        )
        save_networks(found, out)
        _say(f"  {out.name}: {len(members)} networks, {out.stat().st_size / 1e6:.2f} MB")
    return members


def train_fold(
    union: Union,
    columns: NDArray[np.float32],
    *,
    fold: int,
    work: Path,
    settings: NetworkSettings,
    others: int,
    device: str = "cpu",
    minutes: float | None = None,
) -> tuple[InteractionNetwork, float]:
    """One network for all formulas that are not in the fold, from standardised descriptors; and the share of its training that is done."""
    count = (union.compositions.elements > 0).sum(axis=1)
    rows = np.flatnonzero((union.folds != fold) & (count <= _MOST_ELEMENTS))
    own = [place for place, name in enumerate(union.names) if name not in BIG]
    small: NDArray[np.bool_] = np.isfinite(union.targets[rows][:, own]).sum(axis=1) > 0
    settings = replace(settings, seed=_SEED + fold)
    compositions = Compositions(
        union.compositions.elements[rows, :_MOST_ELEMENTS],
        union.compositions.fractions[rows, :_MOST_ELEMENTS],
    )
    tasks = Tasks(
        names=union.names,
        classes=tuple(PREDICTED[name].scale == "probability" for name in union.names),
        weights=tuple(_WEIGHTS.get(name, 1.0) for name in union.names),
        targets=union.targets[rows],
        floored=tuple(PREDICTED[name].floor == 0.0 for name in union.names),
        by_row=True,
    )
    extra = Extra(
        columns=columns[rows],
        order=_order(small, count=count[rows], others=others, settings=settings),
        embedding=_embedding(settings),
    )
    return train_network(
        compositions, tasks, settings=settings, work=work / f"fold-{fold}", device=device, minutes=minutes, extra=extra
    )  # fmt: skip


def read_union(data_dir: Path, *, limit: int | None = None) -> Union:
    """The formulas of all tables, each with what is known of it on the properties' scales."""
    names = tuple(PREDICTED)
    found: dict[str, FloatArray] = {}
    fold_of_key: dict[str, int] = {}
    fractions: dict[str, dict[str, float]] = {}
    for task, name in enumerate(names):
        table = read_training_table(data_dir, PREDICTED[name], limit=limit)
        symbols = element_symbols(table.compositions)
        for row, key in enumerate(table.keys):
            if key not in found:
                found[key] = np.full(len(names), np.nan)
                fold_of_key[key] = int(table.folds[row])
                fractions[key] = symbols[row]
            found[key][task] = table.targets[row]
    keys = sorted(found)
    compositions = gather([fractions[key] for key in keys])
    return Union(
        compositions=compositions,
        columns=descriptors(compositions),
        targets=np.stack([found[key] for key in keys]),
        folds=np.array([fold_of_key[key] for key in keys], dtype=np.int64),
        names=names,
    )


def element_symbols(compositions: Compositions) -> list[dict[str, float]]:
    """Atom fractions by symbol of each composition."""
    return [
        {SYMBOLS[number - 1]: part for number, part in zip(numbers, parts, strict=True) if number > 0}
        for numbers, parts in zip(
            compositions.elements.tolist(), compositions.fractions.tolist(), strict=True
        )
    ]


def _order(
    small: NDArray[np.bool_], *, count: NDArray[np.int64], others: int, settings: NetworkSettings
) -> IntArray:
    """Rows in the order in which batches take them, over all epochs; formulas with as many elements lie in a batch together."""
    random = np.random.default_rng(settings.seed)
    own, rest = np.flatnonzero(small), np.flatnonzero(~small)
    size = settings.batch
    fill = min(len(rest), others)
    fill -= (len(own) + fill) % size if fill >= size else 0
    taken: list[IntArray] = []
    for _ in range(settings.epochs):
        epoch = random.permutation(np.concatenate([own, random.permutation(rest)[:fill]]))
        batches: list[IntArray] = []
        for begin in range(0, len(epoch), _CHUNK * size):
            chunk = epoch[begin : begin + _CHUNK * size]
            chunk = chunk[np.argsort(count[chunk], kind="stable")]
            batches += [chunk[at : at + size] for at in range(0, len(chunk), size)]
        whole = [one for one in batches if len(one) == size]
        taken += [whole[place] for place in random.permutation(len(whole))]
        taken += [one for one in batches if len(one) < size]
    return np.concatenate(taken)


def _embedding(settings: NetworkSettings) -> NDArray[np.float32]:
    """What the embedding starts from: elements that are alike in the table of element properties are alike in it, (ELEMENTS, width)."""
    random = np.random.default_rng(settings.seed)
    values = element_table().values
    scaled = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    turned = scaled @ random.normal(size=(scaled.shape[1], settings.width)) / scaled.shape[1] ** 0.5
    found = 0.5 * random.normal(size=(ELEMENTS, settings.width))
    found[1 : 1 + len(turned)] += turned[: ELEMENTS - 1]
    return found.astype(np.float32)


def _told(
    union: Union, columns: NDArray[np.float32], member: InteractionNetwork, *, fold: int
) -> dict[str, float]:
    """Mean absolute errors on the fold, on each property's scale (of the chance, where it is yes or no)."""
    rows = np.flatnonzero(union.folds == fold)
    found = member.predict(union.compositions.part(rows), columns[rows])
    told: dict[str, float] = {}
    for place, name in enumerate(union.names):
        entry, truth = PREDICTED[name], union.targets[rows, place]
        known = np.isfinite(truth)
        if known.any():
            told[name] = round(float(np.abs(entry.on_scale(found[:, place]) - truth)[known].mean()), 4)
    return told


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
