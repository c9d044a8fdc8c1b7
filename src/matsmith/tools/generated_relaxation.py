"""Generated crystals relaxed, each with its energy above the hull: the tools `relax` and `stability` over a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from matsmith.core.ledger import Ledger
from matsmith.core.settings import Settings
from matsmith.tools.relax_files import Batch, gather, ledger_file, relax_batch
from matsmith.tools.runner import ToolRunner, local_executor

RELAXED = "relaxed"


def relax_generated(
    folder: Path, *, settings: Settings, tell: Callable[[int, int], None] | None = None
) -> list[dict[str, Any]]:
    """Relax the CIFs of a folder into `relaxed` beneath it; return an entry a file, with what failed in words.

    What an earlier call has finished is kept. Raises `WorkerError` when the physics process cannot be kept alive.
    """
    out = folder / RELAXED
    batch = Batch(jobs=gather([folder], out=out), out=out)
    for done, _ in enumerate(relax_batch(batch, settings=settings), start=1):
        if tell is not None:
            tell(done, len(batch.jobs))
    found: list[dict[str, Any]] = []
    with Ledger(ledger_file(out)) as ledger:
        executor = local_executor(settings=settings)
        try:
            runner = ToolRunner(ledger, settings=settings, executor=executor)
            for job in batch.jobs:
                entry: dict[str, Any] = {"file": job.name}
                if job.failure is not None:
                    entry["failure"] = job.failure.code
                elif job.record is not None:
                    energy = job.record.quantities["energy"].value
                    entry |= {"cif": str(job.target.relative_to(folder)), "energy_ev_per_atom": energy}
                    stability = runner.run("stability", {"relaxed": job.record.id}).outcome
                    hull = stability.quantities.get("energy_above_hull")
                    if hull is not None:
                        entry |= {
                            "energy_above_hull_ev_per_atom": hull.value,
                            "sigma_ev_per_atom": hull.sigma,
                        }
                    elif stability.failure is not None:
                        entry["failure"] = stability.failure.code
                found.append(entry)
        finally:
            executor.close()
    return found
