"""A tool that works on a relaxation takes a structure too: it is relaxed first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matsmith.core.record import Record, Status
from matsmith.tools.base import RELAXED
from matsmith.tools.registry import get_tool
from matsmith.tools.runner import ToolRunner
from matsmith.tools.structure_files import is_structure_file

_RELAX = "relax"


def run_relaxed(runner: ToolRunner, name: str, arguments: Mapping[str, Any]) -> Record:
    """Run a tool; where it asks for a relaxation and is given a structure, relax that first.

    The structure may stand under the relaxation's own name or under `structure`. A relaxation that fails is the answer:
    its record is returned. Raises `ToolError` for arguments that the tool does not take.
    """
    given = dict(arguments)
    fields = get_tool(name).args.model_fields
    if RELAXED not in fields:
        return runner.run(name, given)
    if RELAXED not in given and "structure" in given and "structure" not in fields:
        given[RELAXED] = given.pop("structure")
    if _is_structure(given.get(RELAXED), runner):
        relaxed = runner.run(_RELAX, {"structure": given[RELAXED]})
        if relaxed.status is not Status.SUCCESS:
            return relaxed
        given[RELAXED] = relaxed.id
    return runner.run(name, given)


def _is_structure(reference: object, runner: ToolRunner) -> bool:
    """Whether a reference stands for a structure without a relaxation's energy: a file, a candidate, a record that holds one."""
    if not isinstance(reference, str):
        return False
    record = runner.ledger.record(reference)
    if record is None:
        path = Path(reference)
        return (
            path.is_file()
            or is_structure_file(path)
            or runner.ledger.latest("candidate", reference) is not None
        )
    return record.outcome.crystal is not None and "energy" not in record.quantities
