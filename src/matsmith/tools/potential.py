"""The potential that tools use, loaded once a process, and its identity, known without loading it."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from matsmith.core.errors import PotentialError
from matsmith.core.settings import Settings

if TYPE_CHECKING:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

NAME = "CHGNet 0.3.0"
_WEIGHTS = Path("pretrained") / "0.3.0" / "chgnet_0.3.0_e29f68s314m37.pth.tar"


@lru_cache(maxsize=1)
def weights_hash() -> str:
    """SHA-256 of the weights that ship with the chgnet package, without importing torch."""
    package = find_spec("chgnet")
    if package is None or package.origin is None:
        raise PotentialError("The package chgnet is not installed.", hint="Run `pip install chgnet`.")
    path = Path(package.origin).parent / _WEIGHTS
    if not path.is_file():
        raise PotentialError(f"The weights {path} are missing.", hint="Reinstall chgnet.")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def identity(settings: Settings) -> str:
    """What a result of the potential depends on."""
    del settings
    return weights_hash()


@lru_cache(maxsize=2)
def _load(device: str) -> BatchedCHGNet:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

    return BatchedCHGNet(device=device)


def potential(settings: Settings) -> BatchedCHGNet:
    """The potential, on the device that the settings name (`auto`: CUDA when there is one)."""
    import torch

    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return _load(device)
