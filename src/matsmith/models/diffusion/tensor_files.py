"""Named tensors with a header of texts on disk as safetensors: written whole or not at all, damaged files refused."""

from __future__ import annotations

import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from matsmith.core.errors import DataError


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, str]) -> None:
    """Write tensors of any device; an earlier file of that name stays until the new one is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    save_file({name: value.detach().cpu().contiguous() for name, value in tensors.items()}, draft, header)
    draft.chmod(0o644)
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())
    draft.replace(path)


def read_tensors(path: Path, *, hint: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return tensors and header. Raises `DataError` with the hint when the file is damaged or of another kind."""
    try:
        with safe_open(path, framework="pt") as stored:  # pyright: ignore[reportUnknownVariableType]
            header: dict[str, str] = dict(stored.metadata() or {})  # pyright: ignore[reportUnknownArgumentType]
            names: list[str] = list(stored.keys())  # pyright: ignore[reportUnknownArgumentType]
            tensors: dict[str, Tensor] = {name: stored.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{path.name} is damaged or is no safetensors file.", hint=hint) from error
    return tensors, header
