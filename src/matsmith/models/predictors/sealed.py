"""Weights files that refuse to be read when a byte was changed: safetensors whose header holds the hash of all that is in them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matsmith.core.errors import DataError


def write_sealed(path: Path, arrays: dict[str, NDArray[Any]], *, header: dict[str, str]) -> str:
    """Write arrays with a header, whose `card` is part of the hash; return the hash. An earlier file stays until the new one is complete."""
    from safetensors.numpy import save_file  # pyright: ignore[reportUnknownVariableType]

    digest = _digest(arrays, header.get("card", ""))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    save_file(arrays, draft, {**header, "sha256": digest})
    draft.chmod(0o644)
    draft.replace(path)
    return digest


def read_sealed(path: Path, *, what: str, hint: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Arrays and header as they lie there. Raises `DataError` for a file that is missing or is no safetensors file."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise DataError(f"There are no weights for {what}: {path.name} is missing.", hint=hint)
    try:
        with safe_open(path, framework="np") as stored:  # pyright: ignore[reportUnknownVariableType]
            header: dict[str, str] = dict(stored.metadata() or {})  # pyright: ignore[reportUnknownArgumentType]
            names: list[str] = list(stored.keys())  # pyright: ignore[reportUnknownArgumentType]
            arrays: dict[str, NDArray[Any]] = {name: stored.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path.name} is damaged or is no safetensors file.", hint=hint) from error
    return arrays, header


def check_seal(path: Path, arrays: dict[str, NDArray[Any]], *, header: dict[str, str], hint: str) -> None:
    """Raise `DataError` when the contents are not those that the header's hash was taken of."""
    if _digest(arrays, header.get("card", "")) != header.get("sha256"):
        raise DataError(f"{path.name} was damaged or changed: its contents do not match its hash.", hint=hint)


def group(arrays: dict[str, NDArray[Any]], title: str) -> dict[str, NDArray[Any]]:
    """The arrays of one part of a file, whose names begin with its title and a dot, without these."""
    return {
        name.removeprefix(f"{title}."): array
        for name, array in arrays.items()
        if name.startswith(f"{title}.")
    }


def _digest(arrays: dict[str, NDArray[Any]], card: str) -> str:
    digest = hashlib.sha256(card.encode())
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].dtype.str}{arrays[name].shape}".encode())
        digest.update(np.ascontiguousarray(arrays[name]).tobytes())
    return digest.hexdigest()
