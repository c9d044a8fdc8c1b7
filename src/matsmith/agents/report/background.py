"""What the run rests on: the literature quoted, methods and reference data, and how to check and repeat the run."""

from __future__ import annotations

import shlex

from matsmith.agents.literature_steering import name_text
from matsmith.agents.report.markup import Child, Markup, element, join
from matsmith.agents.report.pieces import View, cell, definitions, table
from matsmith.core.run import Evidence, Lead
from matsmith.core.steering import Effect

_EVIDENCE_SHOWN = 40
_LEADS_SHOWN = 8
_EFFECT_WORDS = {
    Effect.PROPOSED: "{name} proposed early",
    Effect.DISFAVOURED: "{name} put back",
    Effect.FAVOURED: "the structure type {name} favoured",
    Effect.CITED: "named as a reason of the plan",
}


def literature(view: View) -> Markup | None:
    """Verbatim quotes with their citations; nothing in them is a link."""
    evidence = view.report.evidence
    if not evidence:
        return None
    items = [
        element(
            "li",
            element("blockquote", one.quote),
            element(
                "cite",
                one.citation,
                " · ",
                element("span", one.source, class_="mono"),
                f", page {one.page}" if one.page else "",
                f", characters {one.start} to {one.end}",
                f" · {' · '.join(f'doi:{doi}' for doi in one.dois)}" if one.dois else "",
                element("b", " · retracted") if one.retracted else "",
            ),
            _leads(one),
            _effects(view, one),
        )
        for one in evidence[:_EVIDENCE_SHOWN]
    ]
    return element(
        "section",
        element("h2", "From the literature"),
        element("div", element("ul", *items, class_="evidence"), class_="card"),
        id="literature",
    )


def _leads(one: Evidence) -> Markup | None:
    """What the quote reports of chemistries and prototypes, held against the targets; no verdict rests on it."""
    if not one.leads:
        return None
    return element(
        "ul", *(element("li", lead_text(lead)) for lead in one.leads[:_LEADS_SHOWN]), class_="plain small"
    )


def _effects(view: View, one: Evidence) -> Markup | None:
    """What the quote did to the search: which formulas it proposed or put back, in which rounds, and what became candidates."""
    rounds: dict[tuple[str, Effect], list[int]] = {}
    drawn: dict[tuple[str, Effect], list[str]] = {}
    for number, steering in view.report.steering.items():
        for steer in steering.steers:
            if steer.evidence == one.id:
                key = (steer.name, steer.effect)
                rounds.setdefault(key, []).append(number)
                drawn.setdefault(key, []).extend(steer.candidates)
    items: list[Markup] = []
    for (name, effect), numbers in list(rounds.items())[:_LEADS_SHOWN]:
        words = _EFFECT_WORDS[effect].format(name=name_text(name, effect))
        when = f"round{'' if len(numbers) == 1 else 's'} {', '.join(map(str, numbers))}"
        found = list(dict.fromkeys(drawn[(name, effect)]))[:_LEADS_SHOWN]
        links: list[Child] = []
        for identifier in found:
            links += [", " if links else " · candidate ", view.candidate(identifier)]
        items.append(element("li", element("b", "Steered the search: "), f"{words}, {when}", *links))
    return element("ul", *items, class_="plain small") if items else None


def lead_text(lead: Lead) -> str:
    """A lead in words.

    >>> lead_text(Lead(kind="chemistry", name="MgO", stance="worth trying", property="bulk_modulus", low=160, high=160, unit="GPa"))
    'MgO: bulk modulus 160 GPa, worth trying'
    """
    said = ""
    if lead.property:
        low, high = lead.low, lead.high
        if low is not None and high is not None:
            value = f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
        else:
            value = f"above {low:.4g}" if low is not None else f"below {high:.4g}" if high is not None else ""
        said = f"{lead.property.replace('_', ' ')} {value} {lead.unit}".strip() + ", "
    return f"{lead.name}: {said}{lead.stance.value}"


def methods(view: View) -> Markup:
    """Every method with its weights and files, and the reference data with their dates."""
    report = view.report
    rows: list[Markup] = []
    for one in report.methods:
        method = one.method
        hashes: list[Child] = []
        if method.weights_hash:
            hashes.append(
                element(
                    "span",
                    "weights ",
                    element("span", method.weights_hash[:16], class_="mono", title=method.weights_hash),
                )
            )
        for name, digest in list(method.files.items())[:12]:
            hashes.append(
                element(
                    "span",
                    name,
                    " ",
                    element("span", digest[:16], class_="mono", title=digest),
                    class_="under",
                )
            )
        rows.append(
            element(
                "tr",
                cell(
                    method.name,
                    element("span", method.model, class_="under") if method.model else None,
                    label="Method",
                    class_="head",
                ),
                cell(", ".join(one.tools), label="Used by"),
                cell(str(one.records), label="Records"),
                cell(*(hashes or ["–"]), label="Weights and files"),
                cell(method.reference or "–", label="Reference data"),
            )
        )
    heads: list[Child] = ["Method", "Used by", "Records", "Weights and files", "Reference data"]
    data = [element("li", text) for text in report.reference_data]
    return element(
        "section",
        element("h2", "Methods and reference data"),
        element("div", table(heads, rows), class_="scroll")
        if rows
        else element("p", "Nothing was computed.", class_="card"),
        join(
            [
                element("h3", "Reference data and lists of known materials"),
                element("ul", *data, class_="plain small"),
            ]
        )
        if data
        else None,
        id="methods",
    )


def reproduction(view: View) -> Markup:
    """Seed, versions, the head of the ledger, and the commands that show, check and go on with the run."""
    report = view.report
    run = shlex.quote(report.header.run)
    tools = ", ".join(f"{name} {version}" for name, version in sorted(report.tools.items()))
    rows: list[tuple[Child, Child]] = [
        ("seed", str(report.header.seed)),
        ("reasoner", report.header.reasoner),
        ("matsmith", report.header.version),
        ("machine", report.header.machine or "–"),
        ("tools", tools or "–"),
        ("started", f"{report.header.started_at:%Y-%m-%d %H:%M:%S} UTC"),
        ("ledger", f"{report.ledger_entries} entries"),
        ("ledger head", element("span", report.ledger_head, class_="mono")),
    ]
    commands = join(
        [
            f"matsmith show {run}       ", element("i", "# this run, in the terminal"), "\n",
            f"matsmith verify {run}     ", element("i", "# was any record changed?"), "\n",
            f"matsmith resume {run}     ", element("i", "# go on where it stands"),
        ]
    )  # fmt: skip
    return element(
        "section",
        element("h2", "Check it, repeat it"),
        element(
            "div",
            element("div", definitions(rows), class_="card"),
            element(
                "div",
                element("pre", commands),
                element(
                    "p",
                    "The same objective, seed and budget of evaluations give the same result on the same machine. Each entry of the "
                    "ledger carries the hash of the one before it, so a change to any of them changes the head.",
                    class_="small quiet",
                    style="margin:.8rem 0 0",
                ),
                class_="card commands",
            ),
            class_="two",
        ),
        id="reproduce",
    )
