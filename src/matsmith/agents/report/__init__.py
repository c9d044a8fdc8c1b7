"""The report of a run: read from its ledger, written as a page, as JSON and as CIF files, and printed in the terminal."""

from __future__ import annotations

from matsmith.agents.report.collect import collect
from matsmith.agents.report.model import CandidateReport, RunReport
from matsmith.agents.report.write import write_report

__all__ = ["CandidateReport", "RunReport", "collect", "write_report"]
