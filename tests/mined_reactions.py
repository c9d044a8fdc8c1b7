"""Made reactions in the form of the mined files, for tests that need no real table."""

from __future__ import annotations

import json
import lzma
from pathlib import Path
from typing import Any

from matsmith.knowledge.synthesis.mined import FILES


def operation(word: str, *, kind: str = "HeatingOperation", **told: Any) -> dict[str, Any]:
    """One operation; `temperature` in C and `time` in h, or lists in the form of the files."""
    temperature, time, gas = told.get("temperature"), told.get("time"), told.get("gas")
    conditions: dict[str, Any] = {
        "heating_temperature": temperature
        if isinstance(temperature, list)
        else [{"values": [temperature], "units": "C"}] if temperature is not None else None,
        "heating_time": [{"values": [time], "units": "h"}] if time is not None else None,
        "heating_atmosphere": [gas] if gas else None,
    }  # fmt: skip
    return {"type": kind, "token": word, "conditions": conditions}


def raw(
    target: str | list[str], precursors: list[str], *operations: dict[str, Any], doi: str
) -> dict[str, Any]:
    """One raw reaction."""
    return {
        "doi": doi,
        "targets_string": [target] if isinstance(target, str) else target,
        "precursors": [{"material_formula": one} for one in precursors],
        "operations": list(operations),
    }


REACTIONS = [
    raw("BaTiO3", ["BaCO3", "TiO2"], operation("calcined", temperature=1100.0, time=4.0, gas="air"),
        operation("sintered", temperature=1350.0, time=2.0), doi="10.1016/j.made.2007.01.001"),
    raw("BaTiO3", ["BaCO3", "TiO2"], operation("calcined", temperature=1000.0, time=6.0), doi="10.1016/j.made.2011.01.002"),
    raw("BaTiO3", ["Ba(NO3)2", "TiO2"], operation("calcined", temperature=1050.0), doi="10.1016/j.made.2012.01.003"),
    raw(["Ba0.9Sr0.1TiO3", "Ba0.8Sr0.2TiO3"], ["BaCO3", "SrCO3", "TiO2"], operation("calcined", temperature=1150.0),
        doi="10.1016/j.made.2013.01.004"),
    raw("LiFePO4", ["Li2CO3", "FeC2O4·2H2O", "NH4H2PO4"], operation("heated", temperature=700.0, gas="Ar"),
        doi="10.1016/j.made.2014.01.005"),
]  # fmt: skip


def write_reactions(
    folder: Path, reactions: list[dict[str, Any]] | None = None, *, sol_gel: bool = False
) -> Path:
    """Write a file of reactions as it lies in a data folder."""
    path = folder / FILES["sol-gel" if sol_gel else "solid state"]
    path.write_bytes(lzma.compress(json.dumps(reactions or REACTIONS).encode()))
    return path
