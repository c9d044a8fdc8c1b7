"""A trained structure predictor: its network, the scales of value and conditions, its calibration and its domain; one safetensors file.

    value = mean + spread * y(crystal, conditions);   interval = value -+ q, q a quantile of |residual| on formulas left out, wider out of the domain

The quantile is that of split conformal prediction (Lei et al. 2018, J. Am. Stat. Assoc. 113, 1094).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError, UsageError
from matsmith.models.potentials.interface import CrystalArrays
from matsmith.models.predictors.compositions import FloatArray
from matsmith.models.predictors.domain import RARE
from matsmith.models.predictors.model import grown
from matsmith.models.predictors.sealed import check_seal, group, read_sealed, write_sealed

if TYPE_CHECKING:
    from matsmith.models.predictors.structure.network import Graphs, StructureNetwork

WEIGHTS = Path(__file__).parent / "weights"
FORMAT, _VERSION = "matsmith-structure", "1"
_HINT = "Train it again with `matsmith train predictor`."
_PART = 64


@dataclass(frozen=True, kw_only=True)
class StructurePrediction:
    """One predicted value with one sigma and its 90 % interval, in the table's unit; `distance` is in units of the domain's border."""

    property: str
    value: float
    sigma: float
    unit: str
    low90: float
    high90: float
    in_domain: bool
    distance: float
    of: str
    outside_because: str = ""


@dataclass(frozen=True)
class StructureModel:
    """`mean`, `spread` of the value; `condition_scale` (2, c) means and spreads; `known` (k, width) crystals trained on, as the network sees them."""

    network: StructureNetwork
    mean: float
    spread: float
    condition_scale: FloatArray
    quantiles: tuple[float, float]
    known: NDArray[np.float32]
    counts: NDArray[np.int64]
    border: float
    card: dict[str, Any] = field(default_factory=dict[str, Any])
    sha256: str = ""

    @property
    def condition_names(self) -> tuple[str, ...]:
        """Conditions that it knows, in the order of its columns."""
        return tuple(self.card["conditions"])

    def outputs(self, graphs: Graphs, conditions: FloatArray) -> tuple[FloatArray, NDArray[np.float32]]:
        """Values (m,) in the unit and what the network saw, (m, width); `conditions` (m, c) in their units, not a number where unknown."""
        import torch

        from matsmith.models.predictors.structure.network import tensors_of

        scaled = (conditions - self.condition_scale[0]) / self.condition_scale[1]
        values, seen = [np.zeros(0)], [np.zeros((0, self.network.settings.width), dtype=np.float32)]
        with torch.inference_mode():
            for begin in range(0, len(graphs), _PART):
                rows = list(range(begin, min(begin + _PART, len(graphs))))
                given = torch.from_numpy(scaled[rows].astype(np.float32))
                value, pooled = self.network(tensors_of(graphs, rows), given)
                values.append(value.numpy().astype(np.float64))
                seen.append(pooled.numpy())
        return self.mean + self.spread * np.concatenate(values), np.concatenate(seen)

    def distance(self, seen: NDArray[np.float32]) -> FloatArray:
        """To the nearest crystal trained on, in units of the border, (m,)."""
        squares = (seen**2).sum(axis=1)[:, None] + (self.known**2).sum(axis=1) - 2.0 * seen @ self.known.T
        return np.sqrt(np.maximum(squares.min(axis=1), 0.0)).astype(np.float64) / self.border

    def predict(
        self, crystals: Sequence[CrystalArrays], *, conditions: Mapping[str, float] | None = None
    ) -> list[StructurePrediction]:
        """Predict for crystals, all at the same conditions; those that are not given are unknown to it.

        Raises `UsageError` for a condition that the model was not trained with, `DataError` for a cell that no solid has.
        """
        from matsmith.models.predictors.structure.network import graphs_of

        given = dict(conditions or {})
        foreign = sorted(set(given) - set(self.condition_names))
        if foreign:
            raise UsageError(
                f"The model knows no condition {foreign[0]!r}.",
                hint=f"It knows {', '.join(self.condition_names) or 'none'}.",
            )
        if not crystals:
            return []
        columns = np.array([[given.get(name, np.nan) for name in self.condition_names]] * len(crystals))
        graphs = graphs_of(list(crystals), cutoff_angstrom=self.network.settings.cutoff_angstrom)
        values, seen = self.outputs(graphs, columns.reshape(len(crystals), len(self.condition_names)))
        distance = self.distance(seen)
        wider = grown(np.ones(len(values)), distance)
        low, high = self.card["bounds"]
        return [
            self._one(crystal, value=float(value), far=float(far), wider=float(more), low=low, high=high)
            for crystal, value, far, more in zip(crystals, values, distance, wider, strict=True)
        ]

    def _one(
        self,
        crystal: CrystalArrays,
        *,
        value: float,
        far: float,
        wider: float,
        low: float | None,
        high: float | None,
    ) -> StructurePrediction:
        rarest = min(set(crystal.numbers.tolist()), key=lambda number: int(self.counts[number]))
        reasons: list[str] = []
        if far > 1.0:
            reasons.append(f"{far:.1f} times the usual distance from what it was trained on")
        if self.counts[rarest] < RARE:
            reasons.append(f"{int(self.counts[rarest])} training crystals have {SYMBOLS[rarest - 1]}")
        floor, ceiling = -np.inf if low is None else low, np.inf if high is None else high
        sigma, half = (quantile * wider for quantile in self.quantiles)
        middle = float(np.clip(value, floor, ceiling))
        return StructurePrediction(
            property=self.card["property"],
            value=middle,
            sigma=sigma,
            unit=self.card["unit"],
            low90=min(middle, max(value - half, floor)),
            high90=max(middle, min(value + half, ceiling)),
            in_domain=not reasons,
            distance=far,
            of=self.card["of"],
            outside_because="; ".join(reasons),
        )


def save_structure_model(model: StructureModel, path: Path) -> str:
    """Write a model; return the hash of its contents."""
    arrays: dict[str, NDArray[Any]] = {
        f"network.{name}": value.detach().numpy() for name, value in model.network.state_dict().items()
    }
    arrays |= {
        "scale": np.array([model.mean, model.spread]),
        "condition_scale": model.condition_scale,
        "quantiles": np.array(model.quantiles),
        "known": model.known.astype(np.float16),
        "counts": model.counts,
        "border": np.array([model.border]),
    }
    card = {**model.card, "settings": asdict(model.network.settings)}
    return write_sealed(path, arrays, header={"format": FORMAT, "version": _VERSION, "card": json.dumps(card, sort_keys=True)})  # fmt: skip


def shipped_structure_models() -> dict[str, Path]:
    """The weights that ship, by property."""
    return {path.stem: path for path in sorted(WEIGHTS.glob("*.safetensors"))}


def structure_card(path: Path) -> dict[str, Any]:
    """The card in a weights file. Raises `DataError` when it is missing or damaged."""
    try:
        return dict(json.loads(read_sealed(path, what=path.stem, hint=_HINT)[1]["card"]))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path.name} has no card.", hint=_HINT) from error


def is_structure_model(path: Path) -> bool:
    """Whether a weights file holds one. Raises `DataError` when it is missing or damaged."""
    return read_sealed(path, what=path.stem, hint=_HINT)[1].get("format") == FORMAT


def load_structure_model(path: Path) -> StructureModel:
    """Read a model. Raises `DataError` when the file is missing, damaged, foreign or of another version."""
    arrays, header = read_sealed(path, what=path.stem, hint=_HINT)
    if header.get("format") != FORMAT or header.get("version") != _VERSION:
        raise DataError(f"{path.name} is no structure predictor for this version.", hint=_HINT)
    check_seal(path, arrays, header=header, hint=_HINT)
    import torch

    from matsmith.models.predictors.structure.network import StructureNetwork, StructureSettings

    try:
        card = dict(json.loads(header["card"]))
        network = StructureNetwork(StructureSettings(**card["settings"]))
        network.load_state_dict(
            {name: torch.from_numpy(array) for name, array in group(arrays, "network").items()}
        )
        return StructureModel(
            network=network.eval(),
            mean=float(arrays["scale"][0]),
            spread=float(arrays["scale"][1]),
            condition_scale=arrays["condition_scale"],
            quantiles=(float(arrays["quantiles"][0]), float(arrays["quantiles"][1])),
            known=arrays["known"].astype(np.float32),
            counts=arrays["counts"],
            border=float(arrays["border"][0]),
            card=card,
            sha256=header["sha256"],
        )
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error
