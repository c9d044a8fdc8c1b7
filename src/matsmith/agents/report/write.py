"""Write the report of a run into its folder: `report.json`, `report.html` and a CIF file for each of the best candidates.

Every file is written beside its place and renamed, so that a reader never sees half of one; writing twice from the same
ledger gives the same bytes.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from matsmith.agents.report.collect import collect
from matsmith.agents.report.markup import visible
from matsmith.agents.report.model import CandidateReport, RunReport
from matsmith.agents.report.page import CARDS, render_page
from matsmith.agents.report.wording import answer_word, margin_text, target_text, title_of, value_text
from matsmith.core.errors import LedgerError
from matsmith.core.ledger import Ledger

_OWN_CIF = re.compile(r"\d{3,}_[A-Za-z0-9]+_[^/]{1,8}\.cif")
_FIRST_WORDS = "matsmith candidate"


def write_report(ledger: Ledger, folder: Path) -> Path:
    """Write everything and return the path of `report.html`. Raises `LedgerError` when the folder cannot be written."""
    report = collect(ledger)
    page = folder / "report.html"
    try:
        cifs = folder / "candidates"
        cifs.mkdir(parents=True, exist_ok=True)
        wanted = {candidate.cif_name: candidate for candidate in _with_cif(report)}
        for stale in cifs.iterdir():
            if stale.name not in wanted and _is_ours(stale):
                stale.unlink()
        for name, candidate in wanted.items():
            _replace(cifs / name, cif_text(report, candidate))
        _replace(folder / "report.json", report.model_dump_json(indent=1))
        _replace(page, render_page(report))
    except OSError as error:
        raise LedgerError(
            f"The report cannot be written to {folder}: {error.strerror or error}.",
            hint="Free some space or choose a folder that you can write to, then `matsmith resume`.",
            retryable=True,
        ) from error
    return page


def _with_cif(report: RunReport) -> list[CandidateReport]:
    """Those shown in detail and all that meet."""
    return [one for one in report.candidates if one.rank <= CARDS or one.meets]


def _is_ours(path: Path) -> bool:
    if not _OWN_CIF.fullmatch(path.name) or not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().startswith(f"# {_FIRST_WORDS}")


def cif_text(report: RunReport, candidate: CandidateReport) -> str:
    """The crystal as CIF behind a comment that names the program, the records and the verdicts. ASCII only, as CIF asks."""
    tolerance = next((fact.value for fact in candidate.facts if fact.name == "tolerance_angstrom"), None)
    precision = float(tolerance) if isinstance(tolerance, int | float) and tolerance > 0 else 0.01
    source = (
        f"relaxed, record {candidate.crystal_record}"
        if candidate.crystal_record
        else "as generated, not relaxed"
    )
    lines = [
        f"{_FIRST_WORDS} {candidate.id}, written by matsmith {report.header.version}",
        f"run {report.header.run}, rank {candidate.rank}, {candidate.formula}, {candidate.novelty.label}",
        f"structure: {source}",
        "meets every hard target" if candidate.meets else "does not meet every hard target, or not surely",
    ]
    targets = report.spec.targets if report.spec else []
    for verdict in candidate.verdicts:
        target = targets[verdict.target] if verdict.target < len(targets) else None
        wanted = f" {target_text(target)}" if target else ""
        value = (
            f"{value_text(verdict.quantity)}, margin {margin_text(verdict)}, record {verdict.record}"
            if verdict.quantity
            else verdict.reason
        )
        lines.append(f"{title_of(verdict.property)}{wanted}: {answer_word(verdict, target)} ({value})")
    symmetric = candidate.space_group_number is not None and candidate.space_group_number > 1
    body = candidate.crystal.to_cif(symmetry_precision_angstrom=precision if symmetric else None)
    return "".join(f"# {_ascii_line(line)}\n" for line in lines) + body


def _ascii_line(text: str) -> str:
    """One line that cannot end the comment it stands in."""
    replaced = text
    for character, plain in (
        ("±", "+/-"),
        ("−", "-"),
        ("≈", "~"),
        ("³", "3"),
        ("²", "2"),
        ("½", "^0.5"),
        ("Å", "A"),
        ("·", "*"),
    ):
        replaced = replaced.replace(character, plain)
    flat = " ".join(visible(replaced, limit=400).split())
    return flat.encode("ascii", errors="replace").decode("ascii")


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
