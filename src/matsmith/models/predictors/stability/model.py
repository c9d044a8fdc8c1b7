"""How likely a formula lies on the hull of a database: three views of it, each with its own log-odds, stacked by a logistic model.

    statistics      boosted trees on descriptors of the elements' properties
    configuration   boosted trees on how electrons fill the subshells
    interaction     a network over all pairs of elements
    p = 1 / (1 + exp(-(b + sum over views of w_v logit_v)))

After ECSG (Zou et al. 2025), which stacks views of the same kinds. The weights w and b were fitted to formulas that no view was trained on, which
makes p a probability; `spread` says how far the views, each calibrated alone, are apart. A database has a finite list of phases: what is off it
may be unstable or not have been computed, and p is of that database's hull at 0 K.
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

from matsmith.core.errors import DataError, UsageError
from matsmith.models.predictors.compositions import Compositions, FloatArray, gather, read_formula
from matsmith.models.predictors.descriptors import descriptors
from matsmith.models.predictors.domain import RARE, Domain
from matsmith.models.predictors.library import check_covered
from matsmith.models.predictors.sealed import check_seal, group, read_sealed, write_sealed
from matsmith.models.predictors.stability.electron_configuration import configuration_descriptors
from matsmith.models.predictors.stability.interaction_network import InteractionNetwork
from matsmith.models.predictors.targets import logistic
from matsmith.models.predictors.trees import Trees, encode

WEIGHTS = Path(__file__).parent.parent / "weights" / "stability.safetensors"
DATABASES = {"materials_project": "the Materials Project", "jarvis": "JARVIS-DFT"}
VIEWS = ("statistics", "configuration", "interaction")
_FORMAT, _VERSION = "matsmith-stability", "1"
_HINT = "Reinstall matsmith, or train it again with `python -m matsmith.models.predictors.stability.train`."
_LARGEST_LOGIT = 12.0


@dataclass(frozen=True)
class TreeView:
    """Boosted trees with the thresholds of their columns."""

    cuts: list[NDArray[np.float32]]
    trees: Trees

    def logits(self, columns: NDArray[np.float32]) -> FloatArray:
        """Log-odds, (n,)."""
        return self.trees.predict(encode(columns, self.cuts)).mean(axis=1)


@dataclass(frozen=True)
class Stack:
    """One database: its two views of trees, `weights` (b, then one a view) and `alone` (views, 2), slope and offset of each view by itself."""

    statistics: TreeView
    configuration: TreeView
    weights: FloatArray
    alone: FloatArray


@dataclass(frozen=True)
class StabilityModel:
    """All databases; the network and the domain are shared. `card` says what was trained on and how well it does."""

    stacks: dict[str, Stack]
    network: InteractionNetwork
    domain: Domain
    card: dict[str, Any] = field(default_factory=dict[str, Any])
    sha256: str = ""

    def logits(
        self, compositions: Compositions, columns: NDArray[np.float32], *, database: str
    ) -> FloatArray:
        """Log-odds of each view, shape (n, views), from compositions and their `descriptors`."""
        stack = self.stacks[database]
        return np.stack(
            [
                stack.statistics.logits(columns),
                stack.configuration.logits(configuration_descriptors(compositions)),
                self.network.predict(compositions)[:, self.network.tasks.index(database)],
            ],
            axis=1,
        ).clip(-_LARGEST_LOGIT, _LARGEST_LOGIT)


@dataclass(frozen=True, kw_only=True)
class StabilityChance:
    """The chance that a formula lies on a database's hull; `base_rate` is the share of the database's formulas that do."""

    formula: str
    database: str
    probability: float
    spread: float
    base_rate: float
    in_domain: bool
    distance: float
    views: dict[str, float]

    @property
    def outside_because(self) -> str:
        """Why the formula is outside of the domain, "" inside."""
        if self.in_domain:
            return ""
        if self.distance > 1.0:
            return f"{self.distance:.2f} times the usual distance from what it was trained on"
        return f"an element that fewer than {RARE} training formulas have"


def chances(formulas: Sequence[str], *, database: str = "materials_project") -> list[StabilityChance]:
    """The chance of stability of each formula.

    Raises `UsageError` for an unknown database, `SpecError` for what is no composition or has unknown elements, `DataError` for damaged weights.
    """
    if database not in DATABASES:
        raise UsageError(
            f"There is no stability model for {database!r}.", hint=f"There are: {', '.join(DATABASES)}."
        )
    fractions = [read_formula(formula) for formula in formulas]
    for one in fractions:
        check_covered(one)
    if not fractions:
        return []
    model = stability_model()
    compositions = gather(fractions)
    columns = descriptors(compositions)
    logits = model.logits(compositions, columns, database=database)
    stack = model.stacks[database]
    together = logistic(stack.weights[0] + logits @ stack.weights[1:])
    alone = logistic(logits * stack.alone[:, 0] + stack.alone[:, 1])
    distance = model.domain.distance(columns) / model.domain.border
    inside = (distance <= 1.0) & (model.domain.rarest(compositions) >= RARE)
    return [
        StabilityChance(
            formula=formula,
            database=database,
            probability=float(together[row]),
            spread=float(alone[row].std()),
            base_rate=float(model.card["databases"][database]["base_rate"]),
            in_domain=bool(inside[row]),
            distance=float(distance[row]),
            views={name: float(alone[row, place]) for place, name in enumerate(VIEWS)},
        )
        for row, formula in enumerate(formulas)
    ]


def stability_model() -> StabilityModel:
    """The model that ships, read once. Raises `DataError` for weights that are missing, damaged or of another version."""
    return _loaded(WEIGHTS, WEIGHTS.stat().st_mtime_ns if WEIGHTS.is_file() else 0)


@lru_cache(maxsize=2)
def _loaded(path: Path, changed_ns: int) -> StabilityModel:
    del changed_ns  # part of the key only: a changed file is read again
    arrays, header = read_sealed(path, what="stability", hint=_HINT)
    if header.get("format") != _FORMAT or header.get("version") != _VERSION:
        raise DataError(f"{path.name} is no stability model for this version.", hint=_HINT)
    check_seal(path, arrays, header=header, hint=_HINT)
    try:
        card: dict[str, Any] = json.loads(header["card"])
        network = InteractionNetwork(
            arrays={name: array.astype(np.float32) for name, array in group(arrays, "network").items()},
            tasks=tuple(card["tasks"]),
            layers=int(card["layers"]),
        )
        stacks = {
            name: Stack(
                statistics=_tree_view(arrays, f"{name}.statistics"),
                configuration=_tree_view(arrays, f"{name}.configuration"),
                weights=arrays[f"{name}.weights"],
                alone=arrays[f"{name}.alone"],
            )
            for name in DATABASES
        }
        domain = Domain.of_arrays(group(arrays, "domain"))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error
    return StabilityModel(stacks=stacks, network=network, domain=domain, card=card, sha256=header["sha256"])


def _tree_view(arrays: dict[str, NDArray[Any]], name: str) -> TreeView:
    own = group(arrays, name)
    cuts = np.split(own["cuts"], np.cumsum(own["cut_counts"])[:-1])
    return TreeView(cuts=cuts, trees=Trees.of_arrays(group(own, "trees")))


def save_stability(model: StabilityModel, path: Path) -> str:
    """Write a model; return the hash of its contents."""
    arrays: dict[str, NDArray[Any]] = {
        f"network.{name}": array.astype(np.float16) for name, array in model.network.arrays.items()
    }
    arrays |= {f"domain.{name}": np.ascontiguousarray(array) for name, array in model.domain.arrays().items()}
    for name, stack in model.stacks.items():
        arrays |= {f"{name}.weights": stack.weights, f"{name}.alone": stack.alone}
        for title, view in (("statistics", stack.statistics), ("configuration", stack.configuration)):
            arrays |= {
                f"{name}.{title}.cuts": np.concatenate(view.cuts),
                f"{name}.{title}.cut_counts": np.array([len(own) for own in view.cuts], dtype=np.int32),
            }
            arrays |= {
                f"{name}.{title}.trees.{key}": np.ascontiguousarray(array)
                for key, array in view.trees.arrays().items()
            }
    header = {"format": _FORMAT, "version": _VERSION, "card": json.dumps(model.card, sort_keys=True)}
    return write_sealed(path, arrays, header=header)
