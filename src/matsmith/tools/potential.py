"""The potential that tools use, loaded once a process, and its identity, known without loading it.

The identity of the default is the hash of the weights that ship with its package. That of another one, named by the setting
`potential`, can only be known once it was loaded: it is kept beside the cache, under the name, the model and the version
of the package, and held against what is loaded later.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from matsmith.core.errors import PotentialError
from matsmith.core.record import Record
from matsmith.core.settings import Settings
from matsmith.models.potentials import registry
from matsmith.models.potentials.registry import PotentialEntry

if TYPE_CHECKING:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet
    from matsmith.models.potentials.interface import ArrayPotential

NAME = "CHGNet 0.3.0"
_WEIGHTS = Path("pretrained") / "0.3.0" / "chgnet_0.3.0_e29f68s314m37.pth.tar"


@lru_cache(maxsize=1)
def weights_hash() -> str:
    """SHA-256 of the default's weights, which ship with the chgnet package, without importing torch."""
    package = find_spec("chgnet")
    if package is None or package.origin is None:
        raise PotentialError("The package chgnet is not installed.", hint="Run `pip install chgnet`.")
    path = Path(package.origin).parent / _WEIGHTS
    if not path.is_file():
        raise PotentialError(f"The weights {path} are missing.", hint="Reinstall chgnet.")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def is_default(settings: Settings) -> bool:
    """Whether the potential is the one that the shipped phases, the offsets and the calibrations were made with."""
    return registry.entry_of(settings.potential).name == registry.DEFAULT


def name_of(settings: Settings) -> str:
    """Name and version of the potential, as records show it."""
    entry = registry.entry_of(settings.potential)
    if entry.name == registry.DEFAULT:
        return NAME
    return f"{entry.title} {entry.model} ({entry.package} {entry.version})"


def hash_of(settings: Settings) -> str:
    """SHA-256 of the potential's weights. Of another than the default, the first call on a machine loads it."""
    entry = registry.entry_of(settings.potential)
    if entry.name == registry.DEFAULT:
        return weights_hash()
    known = _known_hash(entry, settings.cache_dir)
    return known if known is not None else potential(settings).weights_hash


def identity(settings: Settings) -> str:
    """What a result of the potential depends on: the weights, and of another than the default also what it is called."""
    if is_default(settings):
        return weights_hash()
    return f"{name_of(settings)}:{hash_of(settings)}"


@lru_cache(maxsize=2)
def _load_default(device: str) -> BatchedCHGNet:
    from matsmith.models.potentials.chgnet_batch import BatchedCHGNet

    return BatchedCHGNet(device=device)


@lru_cache(maxsize=2)
def _load_other(choice: str, device: str, cache_dir: Path) -> ArrayPotential:
    entry = registry.entry_of(choice)
    made = registry.load(entry, device=device)
    known = _known_hash(entry, cache_dir)
    if known is None:
        _keep_hash(entry, cache_dir, made.weights_hash)
    elif known != made.weights_hash:
        # Records made before carry the old hash; the next call finds the new one.
        _keep_hash(entry, cache_dir, made.weights_hash)
        raise PotentialError(
            f"The weights of the potential {entry.name} are others than at its last use.",
            hint="Run it again: new records then carry the new weights.",
            retryable=True,
        )
    return made


def potential(settings: Settings) -> ArrayPotential:
    """The potential that the settings name, on the device that they name (`auto`: CUDA when there is one).

    Raises `PotentialError` when it is not installed or its weights cannot be had, `UsageError` for an unknown name.
    """
    if is_default(settings):
        return default_potential(settings)
    return _load_other(settings.potential, _device(settings), settings.cache_dir)


def default_potential(settings: Settings) -> BatchedCHGNet:
    """The default potential, whichever one the settings name."""
    return _load_default(_device(settings))


def _device(settings: Settings) -> str:
    import torch

    if settings.threads:
        torch.set_num_threads(settings.threads)
    if settings.device != "auto":
        return settings.device
    return "cuda" if torch.cuda.is_available() else "cpu"


def foreign(record: Record) -> str | None:
    """The name of the potential that made a record, when it is not the default; None when it is.

    Energies of another potential stand on another scale: the phases that ship and the fitted offsets say nothing about them.
    """
    method = record.outcome.method
    if method is None or not method.weights_hash or method.weights_hash == weights_hash():
        return None
    return method.model or "another potential"


def _hash_file(cache_dir: Path) -> Path:
    return cache_dir / "potential-weights.json"


def _key(entry: PotentialEntry) -> str:
    key = f"{entry.name}:{entry.model}:{entry.version}"
    file = Path(entry.model)
    if file.is_file():
        stat = file.stat()
        key += f":{stat.st_mtime_ns}:{stat.st_size}"
    return key


def _known_hash(entry: PotentialEntry, cache_dir: Path) -> str | None:
    found = _kept_hashes(cache_dir).get(_key(entry))
    return found if isinstance(found, str) and len(found) == 64 else None


def _kept_hashes(cache_dir: Path) -> dict[str, object]:
    try:
        kept = json.loads(_hash_file(cache_dir).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # nothing kept, or damaged: it is found anew
    return cast("dict[str, object]", kept) if isinstance(kept, dict) else {}


def _keep_hash(entry: PotentialEntry, cache_dir: Path, digest: str) -> None:
    cache_dir.mkdir(parents=True, exist_ok=True)
    kept = {**_kept_hashes(cache_dir), _key(entry): digest}
    path = _hash_file(cache_dir)
    temporary = path.with_suffix(".part")
    temporary.write_text(json.dumps(kept, indent=1, sort_keys=True), encoding="utf-8")
    temporary.replace(path)
