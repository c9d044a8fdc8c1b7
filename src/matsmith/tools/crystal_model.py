"""The crystal diffusion model that generation uses: the one that ships, that of the settings, or a file that is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import matsmith.models.diffusion
from matsmith.core.crystal import Crystal
from matsmith.core.elements import SYMBOLS
from matsmith.core.errors import DataError
from matsmith.core.settings import Settings

if TYPE_CHECKING:
    from matsmith.models.diffusion.data_format import CrystalTable
    from matsmith.models.diffusion.sampling import SamplingSettings
    from matsmith.models.diffusion.weights import DiffusionModel

SHIPPED = Path(matsmith.models.diffusion.__file__).parent / "crystal_diffusion.safetensors"
SHARPNESS, CORRECTOR_SIZE, SPECIES_TEMPERATURE, LATTICE_NOISE = 4.0, 0.015, 0.9, 0.7
"""How boldly the model is followed: with these more crystals are symmetric, with balanced charges and near a minimum of the potential than with 1, 0.05, 1 and 1."""
_LARGEST_HEADER_BYTES = 10_000_000


def weights_file(settings: Settings, named: Path | None = None) -> Path:
    """Where the weights lie: the file that is named, that of the settings, or the one that ships."""
    return named or settings.diffusion_weights or SHIPPED


def missing(settings: Settings) -> str | None:
    """Say in one sentence why nothing can be generated here, or return None. Reads no weights."""
    path = weights_file(settings)
    if path.is_file():
        return None
    return f"There are no weights of the crystal diffusion model at {path}: train some with `matsmith train diffusion`."


def weights_hash(settings: Settings, named: Path | None = None) -> str:
    """The hash that a weights file states of itself, without reading the weights; empty where there is none."""
    path = weights_file(settings, named)
    try:
        with path.open("rb") as stream:
            size = int.from_bytes(stream.read(8), "little")
            header: Any = json.loads(stream.read(min(size, _LARGEST_HEADER_BYTES)))
        return str(header["__metadata__"]["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        # Loading says what is wrong with the file; a name for records is not the place.
        return ""


def crystal_model(settings: Settings, named: Path | None = None) -> DiffusionModel:
    """Return the model, read once a process, on the device of the settings. Raises `DataError` for a missing, damaged or foreign file."""
    path = weights_file(settings, named)
    if not path.is_file():
        raise DataError(
            f"There are no weights of the crystal diffusion model at {path}.",
            hint="Train some with `matsmith train diffusion`, or name a file with --weights.",
        )
    return _loaded(path.resolve(), path.stat().st_mtime_ns, settings.device, settings.threads)


def usual_sampling(
    guidance: Mapping[str, float] = MappingProxyType({}), *, steps: int = 100, sharpness: float = SHARPNESS
) -> SamplingSettings:
    """Return the settings that crystals are made with where nobody says otherwise."""
    from matsmith.models.diffusion.sampling import SamplingSettings

    return SamplingSettings(
        steps=steps,
        guidance=dict(guidance),
        sharpness=sharpness,
        corrector_size=CORRECTOR_SIZE,
        species_temperature=SPECIES_TEMPERATURE,
        lattice_noise=LATTICE_NOISE,
    )


def crystals_of(table: CrystalTable) -> list[Crystal]:
    """The crystals of a table in their order."""
    return [_crystal(table, index) for index in range(len(table))]


def _crystal(table: CrystalTable, index: int) -> Crystal:
    numbers, frac = table.atoms_of(index)
    kinds: list[int] = numbers.tolist()
    rows = [tuple(float(x) for x in row) for row in table.lattice[index].tolist()]
    return Crystal(
        lattice=(rows[0], rows[1], rows[2]),  # pyright: ignore[reportArgumentType]
        species=tuple(SYMBOLS[number - 1] for number in kinds),
        positions=tuple((float(x), float(y), float(z)) for x, y, z in frac.tolist()),
    )


@lru_cache(maxsize=2)
def _loaded(path: Path, changed_ns: int, device: str, threads: int) -> DiffusionModel:
    del changed_ns  # part of the key only: a changed file is read again
    import torch

    from matsmith.models.diffusion.trainer import choose_device
    from matsmith.models.diffusion.weights import load_weights

    if threads:
        torch.set_num_threads(threads)
    return load_weights(path, device=choose_device(device))
