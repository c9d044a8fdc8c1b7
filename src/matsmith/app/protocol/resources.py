"""Runs, their candidates and reports, and records, as resources that a client can list and read.

    matsmith://runs                          all runs, newest first, as JSON
    matsmith://runs/NAME                     one run: its specification, its end, its candidates
    matsmith://runs/NAME/report              its report, a self-contained page
    matsmith://runs/NAME/candidates/ID       a candidate as CIF
    matsmith://records/ID                    a record of this server's calls, whole

Names are looked up in the list of runs; nothing of an address ever becomes a path.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import mcp_types as types

from matsmith.app.tool_service import ToolService
from matsmith.core.errors import UsageError

if TYPE_CHECKING:
    from matsmith.agents.runs import RunInfo

SCHEME = "matsmith://"
_JSON, _HTML, _CIF = "application/json", "text/html", "chemical/x-cif"
_MOST_LISTED = 50
TEMPLATES = (
    ("runs/{run}", "run", "A design run: specification, state, candidates that meet the targets", _JSON),
    ("runs/{run}/report", "report", "The report of a run, a self-contained page", _HTML),
    ("runs/{run}/candidates/{candidate}", "candidate", "A candidate's structure", _CIF),
    ("records/{record}", "record", "What a tool call returned, with its inputs and method", _JSON),
)


def listed(service: ToolService) -> list[types.Resource]:
    """The list of runs, and each of the newest runs."""
    from matsmith.agents.runs import list_runs

    found = [
        types.Resource(
            uri=f"{SCHEME}runs",
            name="runs",
            title="Design runs",
            description="All design runs on this machine, newest first",
            mime_type=_JSON,
        )
    ]
    for run in list_runs(service.settings)[:_MOST_LISTED]:
        found.append(
            types.Resource(
                uri=f"{SCHEME}runs/{run.name}",
                name=run.name,
                title=run.objective[:120],
                description=f"{run.state}; {run.met} candidates meet every target",
                mime_type=_JSON,
            )
        )
    return found


def templates() -> list[types.ResourceTemplate]:
    """The addresses that can be read."""
    return [
        types.ResourceTemplate(
            uri_template=f"{SCHEME}{path}", name=name, description=description, mime_type=mime
        )
        for path, name, description, mime in TEMPLATES
    ]


def read(service: ToolService, uri: str) -> types.TextResourceContents:
    """Read one resource. Raises `UsageError` for an address that names nothing."""
    parts = uri.removeprefix(SCHEME).split("/") if uri.startswith(SCHEME) else []
    match parts:
        case ["runs"]:
            return _json(uri, {"runs": [_summary(run) for run in _runs(service)]})
        case ["runs", name]:
            return _json(uri, run_summary(service, name))
        case ["runs", name, "report"]:
            return _report(service, name, uri)
        case ["runs", name, "candidates", candidate]:
            return _candidate(service, name, candidate, uri)
        case ["records", record_id]:
            record = service.record(record_id)
            if record is None:
                raise UsageError(
                    f"There is no record {record_id!r}.", hint="Give an id that a tool returned."
                )
            return _json(uri, record.model_dump(mode="json"))
        case _:
            raise UsageError(
                f"There is no resource {uri!r}.",
                hint=f"Addresses look like {SCHEME}runs or {SCHEME}runs/NAME.",
            )


def _runs(service: ToolService) -> list[RunInfo]:
    from matsmith.agents.runs import list_runs

    return list_runs(service.settings)


def _named(service: ToolService, name: str) -> RunInfo:
    found = [run for run in _runs(service) if run.name == name]
    if len(found) != 1:
        raise UsageError(f"There is no run {name!r}.", hint=f"Read {SCHEME}runs for their names.")
    return found[0]


def _summary(run: RunInfo) -> dict[str, Any]:
    return {
        "name": run.name,
        "objective": run.objective,
        "state": run.state,
        "met": run.met,
        "started_at": run.started_at.isoformat(),
        "uri": f"{SCHEME}runs/{run.name}",
    }


def run_summary(service: ToolService, name: str) -> dict[str, Any]:
    """A run as plain data: specification, state, its best candidates with their verdicts."""
    from matsmith.agents.decisions import Plan
    from matsmith.agents.runs import LEDGER
    from matsmith.core.candidate import Candidate
    from matsmith.core.ledger import Ledger
    from matsmith.core.run import Judgement, Stop

    run = _named(service, name)
    with Ledger(run.folder / LEDGER, create=False) as ledger:
        plan = next((Plan.model_validate_json(entry.body) for entry in ledger.entries("plan")), None)
        stop = next((Stop.model_validate_json(entry.body) for entry in ledger.entries("stop")), None)
        judged = {
            entry.key: Judgement.model_validate_json(entry.body) for entry in ledger.entries("judgement")
        }
        best = sorted(judged.values(), key=lambda judgement: (not judgement.meets, -judgement.score))[:20]
        candidates: list[dict[str, Any]] = []
        for judgement in best:
            body = ledger.latest("candidate", judgement.candidate)
            if body is None:
                continue
            candidates.append(
                {
                    "id": judgement.candidate,
                    "formula": Candidate.model_validate_json(body).formula,
                    "meets": judgement.meets,
                    "rejected": judgement.rejected,
                    "verdicts": [verdict.model_dump(mode="json") for verdict in judgement.verdicts],
                    "cif": f"{SCHEME}runs/{name}/candidates/{judgement.candidate}",
                }
            )
    return {
        **_summary(run),
        "spec": None if plan is None else plan.spec.model_dump(mode="json", exclude_defaults=True),
        "stop": None if stop is None else stop.model_dump(mode="json"),
        "judged": len(judged),
        "candidates": candidates,
        "report": f"{SCHEME}runs/{name}/report",
    }


def _report(service: ToolService, name: str, uri: str) -> types.TextResourceContents:
    from matsmith.agents.session import REPORT

    path = _named(service, name).folder / REPORT
    if not path.is_file():
        raise UsageError(f"The run {name} has no report yet.", hint="It is written when the run ends.")
    return types.TextResourceContents(uri=uri, mime_type=_HTML, text=path.read_text(encoding="utf-8"))


def _candidate(service: ToolService, name: str, candidate: str, uri: str) -> types.TextResourceContents:
    """The relaxed structure where there is one, the proposed one otherwise."""
    from matsmith.agents.runs import crystal_of

    crystal = crystal_of(_named(service, name).folder, candidate)
    return types.TextResourceContents(uri=uri, mime_type=_CIF, text=crystal.to_cif())


def _json(uri: str, body: dict[str, Any]) -> types.TextResourceContents:
    return types.TextResourceContents(uri=uri, mime_type=_JSON, text=json.dumps(body, ensure_ascii=False))
