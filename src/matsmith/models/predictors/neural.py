"""Networks over learned element embeddings, one a fold, each predicting all properties at once; read, run and held without torch.

The network is that of `stability.interaction_network` with the descriptors of the whole composition led to its head. A formula of fold f was in no
table that network f was trained on. Relatives: CrabNet (Wang et al. 2021, npj Comput. Mater. 7, 77), MODNet (De Breuck et al. 2021, npj Comput.
Mater. 7, 83).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError
from matsmith.models.predictors.compositions import FOLDS, Compositions, FloatArray, IntArray
from matsmith.models.predictors.members import of_each
from matsmith.models.predictors.sealed import check_seal, group, read_sealed, write_sealed
from matsmith.models.predictors.stability.interaction_network import InteractionNetwork

WEIGHTS = Path(__file__).parent / "weights" / "networks.safetensors"
_FORMAT, _VERSION = "matsmith-composition-networks", "1"
_HINT = "Reinstall matsmith, or train them again with `python -m matsmith.models.predictors.neural_training`."
_FARTHEST = 5.0


@dataclass(frozen=True)
class Networks:
    """`members`, one for each fold left out; `centre` and `spread` (descriptors,) by which descriptors are standardised.

    A fold whose network was not trained yet has none: there trees stand alone.
    """

    members: tuple[InteractionNetwork | None, ...]
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    card: dict[str, Any] = field(default_factory=dict[str, Any])
    sha256: str = ""

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of what is predicted."""
        return next(member.tasks for member in self.members if member is not None)

    @property
    def layers(self) -> int:
        """Layers of each network."""
        return next(member.layers for member in self.members if member is not None)

    @property
    def folds(self) -> tuple[int, ...]:
        """Folds that have a network."""
        return tuple(fold for fold, member in enumerate(self.members) if member is not None)

    def predict(
        self,
        compositions: Compositions,
        columns: NDArray[np.float32],
        *,
        members: Sequence[int] | None = None,
    ) -> FloatArray:
        """From compositions and their `descriptors`, on each property's scale (log-odds of yes), shape (n, members asked for, tasks).

        It is 0 for a fold without a network.
        """
        scaled = standardised(columns, centre=self.centre, spread=self.spread)
        wanted = range(len(self.members)) if members is None else members
        nothing = np.zeros((len(compositions), len(self.tasks)))

        def of_one(fold: int) -> FloatArray:
            member = self.members[fold]
            return nothing if member is None else member.predict(compositions, scaled)

        return np.stack(of_each(of_one, wanted, rows=len(compositions)), axis=1)

    def left_out(
        self, compositions: Compositions, columns: NDArray[np.float32], folds: IntArray
    ) -> FloatArray:
        """Of each formula by the network that was not trained on its fold, (n, tasks); 0 in a fold without one."""
        found = np.empty((len(compositions), len(self.tasks)))
        for fold in range(FOLDS):
            rows = np.flatnonzero(folds == fold)
            found[rows] = self.predict(compositions.part(rows), columns[rows], members=[fold])[:, 0]
        return found


def standardised(
    columns: NDArray[np.float32], *, centre: NDArray[np.float32], spread: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Descriptors in standard deviations from their mean, none of them far away, (n, descriptors)."""
    return np.clip((columns - centre) / spread, -_FARTHEST, _FARTHEST).astype(np.float32)


def save_networks(networks: Networks, path: Path) -> str:
    """Write networks, numbers in half precision; return the hash of the contents."""
    arrays: dict[str, NDArray[Any]] = {"centre": networks.centre, "spread": networks.spread}
    for place, member in enumerate(networks.members):
        if member is None:
            continue
        arrays |= {f"{place}.{name}": array.astype(np.float16) for name, array in member.arrays.items()}
    header = {
        "format": _FORMAT,
        "version": _VERSION,
        "card": json.dumps(
            {
                **networks.card,
                "tasks": list(networks.tasks),
                "layers": networks.layers,
                "folds": list(networks.folds),
            },
            sort_keys=True,
        ),
    }
    return write_sealed(path, arrays, header=header)


def load_networks(path: Path) -> Networks:
    """Read networks. Raises `DataError` when the file is missing, damaged, foreign or of another version."""
    arrays, header = read_sealed(path, what="the networks over elements", hint=_HINT)
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise DataError(f"{path.name} holds no networks over elements for this version.", hint=_HINT)
    check_seal(path, arrays, header=header, hint=_HINT)
    try:
        card = dict(json.loads(header["card"]))
        members = tuple(
            InteractionNetwork(
                arrays={name: array.astype(np.float32) for name, array in group(arrays, str(fold)).items()},
                tasks=tuple(card["tasks"]),
                layers=int(card["layers"]),
            )
            if fold in card["folds"]
            else None
            for fold in range(FOLDS)
        )
        if not all("out" in member.arrays for member in members if member is not None):
            raise KeyError("out")
        return Networks(
            members=members,
            centre=arrays["centre"],
            spread=arrays["spread"],
            card=card,
            sha256=header["sha256"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error


@lru_cache(maxsize=2)
def _loaded(path: Path, changed_ns: int) -> Networks:
    del changed_ns  # part of the key only: a changed file is read again
    return load_networks(path)


def networks_at(path: Path) -> Networks:
    """The networks of a file, read once. Raises `DataError` as `load_networks` does."""
    return _loaded(path, path.stat().st_mtime_ns if path.is_file() else 0)
