"""A trained model on disk: half-precision safetensors with a hash of its contents, and everything needed to use it.

The header holds the architecture, the noise process, the scales of lattice and conditions, how often each number of atoms and each
element came up in training, and whatever the trainer says of its data. A file that is damaged, of another program or of
another version is refused.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from matsmith.core.errors import DataError
from matsmith.models.diffusion.batches import ScalarScale
from matsmith.models.diffusion.lattice_code import LatticeScale
from matsmith.models.diffusion.network import CrystalNetwork, NetworkConfig
from matsmith.models.diffusion.noise import NoiseConfig
from matsmith.models.diffusion.tensor_files import read_tensors, write_tensors

FORMAT, VERSION = "matsmith-diffusion", "1"
SHIPPED = Path(__file__).parent / "crystal_diffusion.safetensors"
"""The model that ships; what it was trained on and what it reaches stand in the card beside it."""
_HINT = "Take the file that came with matsmith, or train one with `matsmith train diffusion`."


def read_network(raw: dict[str, Any]) -> NetworkConfig:
    """Read a configuration back from JSON. Raises KeyError, TypeError or ValueError when it is not one."""
    tuples: dict[str, Any] = {
        "waves": tuple(raw["waves"]),
        "scalars": tuple(raw["scalars"]),
        "categories": tuple((name, int(kinds)) for name, kinds in raw["categories"]),
    }
    return NetworkConfig(**{**raw, **tuples})


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the numbers of a network mean. `sizes` and `elements` count the training set's atoms per cell and species."""

    network: NetworkConfig
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    lattice: LatticeScale = field(default_factory=LatticeScale)
    scalars: ScalarScale = field(default_factory=ScalarScale)
    sizes: dict[int, int] = field(default_factory=dict[int, int])
    elements: dict[int, int] = field(default_factory=dict[int, int])
    trained_on: dict[str, Any] = field(default_factory=dict[str, Any])

    def to_json(self) -> str:
        """Return the card as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read a card. Raises KeyError, TypeError or ValueError when it is not one."""
        raw: Any = json.loads(text)
        scalars = {key: tuple(value) for key, value in raw["scalars"].items()}
        return cls(
            network=read_network(raw["network"]),
            noise=NoiseConfig(**raw["noise"]),
            lattice=LatticeScale(**raw["lattice"]),
            scalars=ScalarScale(**scalars),
            sizes={int(key): int(value) for key, value in raw["sizes"].items()},
            elements={int(key): int(value) for key, value in raw["elements"].items()},
            trained_on=dict(raw["trained_on"]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class DiffusionModel:
    """A network ready for sampling, its card and the hash of its weights file (empty when it was never written)."""

    network: CrystalNetwork
    card: ModelCard
    sha256: str = ""


def _digest(tensors: dict[str, Tensor], card: str) -> str:
    digest = hashlib.sha256(card.encode())
    for name in sorted(tensors):
        digest.update(f"{name}{tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_weights(network: CrystalNetwork, card: ModelCard, path: Path) -> str:
    """Write a network in half precision; return the hash of its contents. The file appears whole or not at all."""
    tensors = {name: value.detach().cpu().half().contiguous() for name, value in network.state_dict().items()}
    bad = [name for name, value in tensors.items() if not bool(value.isfinite().all())]
    if bad:
        raise DataError(
            f"The weights {bad[0]} are not finite in half precision.",
            hint="Training has diverged: go back to an earlier checkpoint or lower the learning rate.",
        )
    text = card.to_json()
    digest = _digest(tensors, text)
    write_tensors(path, tensors, {"format": FORMAT, "version": VERSION, "card": text, "sha256": digest})
    return digest


def load_weights(path: Path, *, device: str | torch.device = "cpu") -> DiffusionModel:
    """Read a network for sampling, in float32. Raises `DataError` when the file is missing, damaged or foreign."""
    if not path.is_file():
        raise DataError(f"There is no file {path}.", hint=_HINT)
    tensors, header = read_tensors(path, hint=_HINT)
    if header.get("format") != FORMAT or header.get("version") != VERSION:
        raise DataError(
            f"{path.name} is not a crystal diffusion model of this version of matsmith.", hint=_HINT
        )
    text = header.get("card", "")
    if _digest(tensors, text) != header.get("sha256"):
        raise DataError(
            f"{path.name} was damaged or changed: its contents do not match its hash.", hint=_HINT
        )
    try:
        card = ModelCard.from_json(text)
        network = CrystalNetwork(card.network, card.lattice)
        network.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{path.name} is of another architecture.", hint=_HINT) from error
    return DiffusionModel(network.to(device).eval(), card, header["sha256"])


def load_shipped(*, device: str | torch.device = "cpu") -> DiffusionModel:
    """Read the model that ships. Raises `DataError` when its file is missing or damaged."""
    return load_weights(SHIPPED, device=device)
