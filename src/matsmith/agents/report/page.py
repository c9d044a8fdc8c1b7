"""`report.html`: one file that needs nothing else, runs nothing from outside and escapes whatever it did not write itself."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources

from matsmith.agents.report.background import literature, methods, reproduction
from matsmith.agents.report.details import candidates, others, rejected
from matsmith.agents.report.markup import Markup, element, join, own_text
from matsmith.agents.report.model import RunReport
from matsmith.agents.report.overview import best, masthead, specification
from matsmith.agents.report.pieces import View
from matsmith.agents.report.progress import convergence, trade_offs
from matsmith.agents.report.record_view import records

CARDS = 24
_ROWS = 300
_MOST_BYTES = 2_800_000
_TABS = {
    "best": "Best",
    "spec": "Specification",
    "progress": "Progress",
    "trade-offs": "Trade-offs",
    "candidates": "Candidates",
    "others": "The rest",
    "rejected": "Rejected",
    "literature": "Literature",
    "methods": "Methods",
    "reproduce": "Check it",
    "records": "Records",
}


def render_page(report: RunReport) -> str:
    """The whole page, below 3 MB: a run with very large records shows fewer candidates in detail."""
    cards, rows = CARDS, _ROWS
    while True:
        page = _page(View.of(report, cards=cards, rows=rows))
        if len(page.encode()) <= _MOST_BYTES or cards <= 1:
            return page
        cards, rows = cards // 2, rows // 2


def _page(view: View) -> str:
    sections = [
        best(view),
        specification(view),
        convergence(view),
        trade_offs(view),
        candidates(view),
        others(view),
        rejected(view),
        literature(view),
        methods(view),
        reproduction(view),
        records(view),
    ]
    present = [section for section in sections if section is not None]
    style, script = _resource("page.css"), _resource("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    objective = view.report.header.objective.strip() or view.report.header.run
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="generator", content=f"matsmith {view.report.header.version}"),
        element("title", f"{objective[:90]} · matsmith"),
        element("style", own_text(style)),
    )
    tabs = [
        element("li", element("a", name, href=f"#{key}"))
        for key, name in _TABS.items()
        if any(section.startswith("<section") and f' id="{key}">' in section for section in present)
    ]
    body = element(
        "body",
        element("a", "Skip to the candidates", href="#best", class_="skip"),
        masthead(view),
        element("nav", element("ul", *tabs), aria_label="Parts of the report"),
        element("main", *present),
        element(
            "footer",
            f"Written by matsmith {view.report.header.version} from the ledger of this run. Predictions are no measurements: "
            "the sigma of each value says against what it was calibrated.",
        ),
        element("script", own_text(script)),
    )
    return join([own_text("<!doctype html>\n"), element("html", head, body, lang="en"), "\n"])


def _resource(name: str) -> Markup:
    return own_text(resources.files("matsmith.agents.report").joinpath(name).read_text(encoding="utf-8"))
