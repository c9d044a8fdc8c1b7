"""The candidates that none beats in the targets that are only optimised, as a table."""

from __future__ import annotations

from matsmith.agents.pareto import open_targets
from matsmith.agents.report.markup import Child, Markup, element, join
from matsmith.agents.report.pieces import View, cell, name_of, phase_of, table
from matsmith.agents.report.wording import target_text, title_of


def front_table(view: View) -> Markup | None:
    """The front with every open target's value, in the order of the first one; None where there is none."""
    spec = view.report.spec
    if spec is None or not view.report.front:
        return None
    wanted = open_targets(spec)
    by_id = {candidate.id: candidate for candidate in view.report.candidates}
    kept = [by_id[identifier] for identifier in view.report.front if identifier in by_id]
    rows: list[tuple[float, Markup]] = []
    for candidate in kept:
        cells = [
            cell(
                view.candidate(candidate.id, name_of(candidate)),
                element("span", phase_of(candidate), class_="under"),
                label="Candidate",
                class_="head",
                sort=candidate.formula,
            )
        ]
        first = 0.0
        for place in wanted:
            verdict = view.verdict(candidate, place)
            if verdict is None or verdict.quantity is None:
                continue
            first = first or verdict.quantity.value
            value = view.numbers_of(verdict)[0]
            label = title_of(spec.targets[place].property)
            cells.append(cell(value, label=label, sort=float(verdict.quantity.value)))
        rows.append((first, element("tr", *cells)))
    rows.sort(key=lambda row: row[0])
    heads: list[Child] = [
        "Candidate",
        *(
            join([title_of(spec.targets[k].property), element("small", target_text(spec.targets[k]))])
            for k in wanted
        ),
    ]
    names = " and ".join(title_of(spec.targets[k].property) for k in wanted)
    return element(
        "div",
        element("h3", "The front"),
        element(
            "p",
            f"{len(rows)} candidate{'' if len(rows) == 1 else 's'} that meet every constraint and that no other one beats in {names}: "
            "no other is as good in each and better in one by more than the error of the difference. Which of them is best is a choice.",
            class_="small quiet",
        ),
        element(
            "div",
            table(heads, [row for _, row in rows], class_="stack sortable", caption="The front"),
            class_="scroll",
        ),
        class_="card",
    )
