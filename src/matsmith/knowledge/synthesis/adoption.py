"""Takes the public files of mined reactions into the data folder: fetched or by hand, read, checked, put in place whole under their names."""

from __future__ import annotations

import json
import lzma
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from matsmith.core.errors import DataError, UsageError
from matsmith.core.reactions import Route
from matsmith.knowledge.downloads import Progress, fetch, partial_folder
from matsmith.knowledge.synthesis.mined import FILES, clean

SOURCE = "https://github.com/CederGroupHub/text-mined-synthesis_public"
ADDRESSES: Mapping[Route, str] = {
    "solid state": f"{SOURCE}/raw/HEAD/solid-state_dataset_20200713.json.xz",
    "sol-gel": f"{SOURCE}/raw/HEAD/sol-gel_dataset_20200713.json.xz",
}
"""The 2020 release of either route."""
WHERE_FROM = (
    f"They are published by their authors at {SOURCE} (Kononova et al. 2019, Sci. Data 6, 203) as one JSON file for solid-state and one "
    "for sol-gel synthesis."
)
HOW = "Or download them there by hand, and run `matsmith data get synthesis --from FILE` for each."


@dataclass(frozen=True, kw_only=True)
class Adopted:
    """A file in place: its route, how many reactions are clean, and how many were left out for which reason."""

    route: Route
    path: Path
    reactions: int
    dropped: dict[str, int]


def here(data_dir: Path) -> dict[Route, Path]:
    """Which of the files are in the data folder."""
    return {route: data_dir / name for route, name in FILES.items() if (data_dir / name).is_file()}


def fetch_missing(
    data_dir: Path,
    *,
    addresses: Mapping[Route, str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    timeout_s: float = 30.0,
    force: bool = False,
) -> list[Adopted]:
    """Fetch the files that are not here, or all if forced. What was received before a break is kept, and the next call goes on from there. Raises `DataError`."""
    partial = partial_folder(data_dir)
    done: list[Adopted] = []
    for route, url in (addresses or ADDRESSES).items():
        if route in here(data_dir) and not force:
            continue
        packed = partial / FILES[route]
        table = FILES[route].removesuffix(".json.xz")
        fetch(url, packed, table=table, progress=progress, timeout_s=timeout_s)
        try:
            done.append(adopt(packed, data_dir))
        finally:
            packed.unlink(missing_ok=True)
    return done


def adopt(source: Path, data_dir: Path) -> Adopted:
    """Put a downloaded file (JSON, plain or xz) in place. Raises `UsageError` for a missing file, `DataError` for a foreign one."""
    try:
        packed = source.read_bytes()
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {source}.", hint="Check the name.") from error
    except OSError as error:
        raise UsageError(
            f"{source} cannot be read: {error.strerror}.", hint="Check its permissions."
        ) from error
    foreign = DataError(
        f"{source.name} holds no mined reactions of synthesis.", hint=f"{WHERE_FROM} Take one of these."
    )
    try:
        text = lzma.decompress(packed) if packed[:6] == b"\xfd7zXZ\x00" else packed
        raw: Any = json.loads(text)
    except (lzma.LZMAError, EOFError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise foreign from error
    rows: Any = cast("dict[str, Any]", raw).get("reactions") if isinstance(raw, dict) else raw
    if not isinstance(rows, list) or not rows or not isinstance(rows[0], dict):
        raise foreign
    first = cast("dict[str, Any]", rows[0])
    route: Route = "sol-gel" if first.get("synthesis_type") == "sol-gel" else "solid state"
    cleaned = clean(cast("list[Any]", rows), route=route)
    if not cleaned.reactions:
        raise foreign
    target = data_dir / FILES[route]
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data_dir, suffix=".part", delete=False) as part:
            part.write(packed if text is not packed else lzma.compress(packed))
        Path(part.name).chmod(0o644)
        Path(part.name).replace(target)
    except OSError as error:
        raise DataError(
            f"{target} cannot be written: {error.strerror}.",
            hint="Free some space, or choose another data folder.",
        ) from error
    return Adopted(route=route, path=target, reactions=len(cleaned.reactions), dropped=dict(cleaned.dropped))
