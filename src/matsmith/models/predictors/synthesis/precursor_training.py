"""Fits the precursor model: one small network a fold, and how often two precursors go together beyond what the network says."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.models.predictors.compositions import FOLDS, IntArray, gather
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.synthesis.precursor_names import (
    precursor_key,
    source_elements,
    supplied,
)
from matsmith.models.predictors.synthesis.precursors import ELEMENTS, FloatMatrix, PrecursorModel, features_of
from matsmith.models.predictors.synthesis.rows import Row, Rows

_LEAST_USED = 3
_HIDDEN, _BATCH, _RATE, _DROPPED, _DECAY = 96, 512, 2e-3, 0.15, 1e-4
_PRIOR = 8.0
_ROWS = 4000
_LEAST_SHARE = 0.01
_LEAST_PAIR = 0.15
_MOST_OF_A_REACTION = 3
_SEED = 7


@dataclass(frozen=True)
class Examples:
    """Targets with the precursors of each element: `places` into the rows, `sets` of vocabulary indices, triples to learn from."""

    places: list[int]
    sets: list[frozenset[str]]
    triples: list[list[tuple[int, str]]]
    dropped: dict[str, int]


def precursor_examples(rows: Sequence[Row]) -> Examples:
    """Rows whose precursors bring every element; what brings none (solvents, chelating agents) is no part of the set."""
    found = Examples([], [], [], {})
    told: set[tuple[str, str, frozenset[str]]] = set()
    dropped: Counter[str] = Counter()
    counts: Counter[int] = Counter()
    for place, row in enumerate(rows):
        wanted = source_elements(row.fractions)
        bringing = {written: supplied(written, wanted) for written in row.reaction.precursors}
        chosen = {written: symbols for written, symbols in bringing.items() if symbols}
        if not wanted or {symbol for symbols in chosen.values() for symbol in symbols} != set(wanted):
            dropped["an element that no precursor brings"] += 1
            continue
        keys = frozenset(precursor_key(written) for written in chosen)
        if (row.key, row.reaction.route, keys) in told:
            dropped["told before"] += 1
            continue
        told.add((row.key, row.reaction.route, keys))
        counts[id(row.reaction)] += 1
        if counts[id(row.reaction)] > _MOST_OF_A_REACTION:
            dropped["a fourth and later member of a series"] += 1
            continue
        found.places.append(place)
        found.sets.append(keys)
        found.triples.append(
            [
                (SYMBOLS.index(symbol) + 1, precursor_key(written))
                for written, symbols in chosen.items()
                for symbol in symbols
            ]
        )
    found.dropped.update(dropped)
    return found


def fit_precursors(
    rows: Rows, examples: Examples, *, epochs: int, work: Path
) -> tuple[PrecursorModel, FloatMatrix]:
    """Fit all folds; a fold that is done lies in `work` and is not fitted again. Returns the model and its features."""
    names, keys = _vocabulary(rows.rows, examples)
    index = {key: place for place, key in enumerate(keys)}
    known = np.zeros((ELEMENTS, len(keys)), dtype=bool)
    used: Counter[tuple[int, str]] = Counter(pair for triple in examples.triples for pair in triple)
    for (number, key), count in used.items():
        if key in index and count >= _LEAST_USED:
            known[number, index[key]] = True
    compositions = gather([rows.rows[place].fractions for place in examples.places])
    columns = descriptors(compositions)
    centre, spread = columns.mean(axis=0), np.maximum(columns.std(axis=0), 1e-6)
    route = np.array(
        [rows.rows[place].reaction.route == "sol-gel" for place in examples.places], dtype=np.float64
    )
    features = features_of(compositions, columns, centre=centre, spread=spread, sol_gel=route)
    folds = rows.folds[np.array(examples.places)]
    weights = _weights(rows.rows, examples)
    triples = np.array(
        [(row, number, index[key], weights[row])
         for row, triple in enumerate(examples.triples) for number, key in triple
         if key in index and known[number, index[key]]]
    )  # fmt: skip
    members: list[dict[str, NDArray[Any]]] = []
    for fold in range(FOLDS):
        path = work / f"precursors-{fold}-{len(keys)}-{epochs}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as held:
                members.append({name: held[name] for name in held.files})
            continue
        members.append(_fit(features, triples, folds != fold, known, epochs=epochs, seed=_SEED + fold))
        work.mkdir(parents=True, exist_ok=True)
        np.savez(path, allow_pickle=False, **members[-1])
        print(f"  precursors fold {fold + 1} of {FOLDS}", file=sys.stderr, flush=True)
    model = PrecursorModel(
        names=names, keys=keys, known=known, centre=centre.astype(np.float32), spread=spread.astype(np.float32),
        members=members, pairs=np.zeros((len(keys), len(keys)), dtype=np.float32),
    )  # fmt: skip
    return model, features


def _weights(rows: Sequence[Row], examples: Examples) -> NDArray[np.float64]:
    """A series of many members counts like a few: each row one over the root of its reaction's rows."""
    counts = Counter(id(rows[place].reaction) for place in examples.places)
    return np.array([counts[id(rows[place].reaction)] ** -0.5 for place in examples.places])


def _vocabulary(rows: Sequence[Row], examples: Examples) -> tuple[list[str], list[str]]:
    """Precursors that are used often enough, as mostly written, and their keys."""
    written: dict[str, Counter[str]] = {}
    for place in examples.places:
        for one in rows[place].reaction.precursors:
            written.setdefault(precursor_key(one), Counter())[one] += 1
    wanted = Counter(key for keys in examples.sets for key in keys)
    keys = sorted(key for key, count in wanted.items() if count >= _LEAST_USED and key)
    return [written[key].most_common(1)[0][0] for key in keys], keys


def _fit(
    features: FloatMatrix, triples: NDArray[np.float64], train: NDArray[np.bool_], known: NDArray[np.bool_], *, epochs: int, seed: int
) -> dict[str, NDArray[Any]]:  # fmt: skip
    import torch

    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    count = known.shape[1]
    net = torch.nn.Sequential(
        torch.nn.Linear(features.shape[1], _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(_DROPPED),
        torch.nn.Linear(_HIDDEN, _HIDDEN), torch.nn.ReLU(), torch.nn.Dropout(_DROPPED),
        torch.nn.Linear(_HIDDEN, count),
    )  # fmt: skip
    outside = torch.from_numpy(np.where(known, 0.0, -1e4).astype(np.float32))
    own = triples[train[triples[:, 0].astype(np.int64)]]
    steps = epochs * (len(own) // _BATCH + 1)
    optimizer = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2 * _RATE, total_steps=steps)
    inputs = torch.from_numpy(features)
    for _ in range(epochs):
        order = random.permutation(len(own))
        for begin in range(0, len(order), _BATCH):
            batch = own[order[begin : begin + _BATCH]]
            row, number, label = (torch.from_numpy(batch[:, place].astype(np.int64)) for place in range(3))
            weight = torch.from_numpy(batch[:, 3].astype(np.float32))
            logits = net(inputs[row]) + outside[number]
            loss = (
                torch.nn.functional.cross_entropy(logits, label, reduction="none") * weight
            ).sum() / weight.sum()
            optimizer.zero_grad()
            loss.backward()  # pyright: ignore[reportUnknownMemberType]
            optimizer.step()
            schedule.step()
    layers = [layer for layer in net if isinstance(layer, torch.nn.Linear)]
    found: dict[str, NDArray[Any]] = {}
    for step, layer in enumerate(layers):
        found[f"w{step}"] = layer.weight.detach().numpy().T.astype(np.float16)
        found[f"b{step}"] = layer.bias.detach().numpy().astype(np.float16)
    return found


def pairs_together(
    model: PrecursorModel,
    examples: Examples,
    *,
    features: FloatMatrix,
    folds: IntArray,
    without: int | None = None,
) -> FloatMatrix:
    """Log of how often two precursors go together over how often left-out predictions would have it, (v, v); 0 where little is known.

    `without` leaves a fold out, so that its examples can be predicted.
    """
    index = {key: place for place, key in enumerate(model.keys)}
    seen = np.zeros((len(model.keys), len(model.keys)))
    expected = np.zeros_like(seen)
    for fold in range(FOLDS):
        places = np.flatnonzero(folds == fold)
        if fold == without:
            continue
        for begin in range(0, len(places), _ROWS):
            part = places[begin : begin + _ROWS]
            logits = model.log_shares(features[part], members=[fold])
            whole = np.zeros_like(logits)
            chosen: list[int] = part.tolist()
            for row, place in enumerate(chosen):
                present = [index[key] for key in examples.sets[place] if key in index]
                for v in present:
                    seen[v, [other for other in present if other != v]] += 1.0
                for number in {number for number, _ in examples.triples[place]}:
                    own = np.flatnonzero(model.known[number])
                    if len(own):
                        shares = np.exp(logits[row, own] - logits[row, own].max())
                        shares /= shares.sum()
                        whole[row, own] += shares
                        # Two precursors of one element do not go together.
                        big = own[shares > _LEAST_SHARE]
                        expected[np.ix_(big, big)] -= np.outer(*[shares[shares > _LEAST_SHARE]] * 2)
            expected += whole.T @ whole
    found = np.log((seen + _PRIOR) / (np.maximum(expected, 0.0) + _PRIOR))
    np.fill_diagonal(found, 0.0)
    found[np.abs(found) < _LEAST_PAIR] = 0.0
    return found.astype(np.float32)
