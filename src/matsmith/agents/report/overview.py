"""The first screen: the objective, the verdict of the run, the best candidates; then the specification as understood."""

from __future__ import annotations

from matsmith.agents.report.markup import Child, Markup, element, join
from matsmith.agents.report.model import CandidateReport
from matsmith.agents.report.pieces import (
    View,
    cell,
    name_of,
    novelty_chip,
    overall,
    phase_of,
    stop_class,
    table,
    word,
)
from matsmith.agents.report.wording import duration_text, space_groups_text, stop_word, target_text, title_of
from matsmith.core.spec import DesignSpec, Target

_LONG_OBJECTIVE = 220


def masthead(view: View) -> Markup:
    """Objective, verdict of the run and its main figures."""
    report = view.report
    objective = report.header.objective.strip() or "(no objective was given)"
    reason = report.stop.reason if report.stop else None
    wanted = f" of {report.spec.candidates} wanted" if report.spec else ""
    evaluated = report.rounds[-1].evaluated_so_far if report.rounds else 0
    figures: list[tuple[Child, Child]] = [
        (report.met, f"met{wanted}"),
        (len(report.candidates), "looked at"),
        (len(report.rejected), "rejected"),
        (evaluated, "simulated"),
        (len(report.rounds), "round" if len(report.rounds) == 1 else "rounds"),
        (duration_text(report.elapsed_s), "wall time"),
    ]
    return element(
        "header",
        element(
            "div",
            element("b", "matsmith"),
            element("span", "design report"),
            element("span", report.header.run, class_="mono"),
            element("span", f"{report.header.started_at:%d %B %Y, %H:%M} UTC"),
            class_="brand",
        ),
        element("h1", objective, class_="long" if len(objective) > _LONG_OBJECTIVE else None),
        element(
            "p",
            element("b", stop_word(reason)),
            element("span", report.outcome),
            class_=f"outcome {stop_class(reason)}",
        ),
        element(
            "ul", *(element("li", element("b", value), name) for value, name in figures), class_="figures"
        ),
        class_="masthead",
    )


def best(view: View) -> Markup:
    """The best candidates as a table, each target's value with its verdict in colour and word."""
    wanted = view.report.spec.candidates if view.report.spec else 0
    candidates = view.cards[: max(8, wanted)]
    if not candidates:
        text = (
            f"No candidate is left: {len(view.report.rejected)} were rejected, for the reasons counted below."
            if view.report.rejected
            else "No candidate has been judged in this run."
        )
        return element(
            "section", element("h2", "Best candidates"), element("p", text, class_="card"), id="best"
        )
    heads: list[Child] = ["#", "Candidate", "Novelty", *(_target_head(target) for target in view.targets)]
    body = table(
        heads,
        [_row(view, candidate) for candidate in candidates],
        class_="stack sortable",
        caption="Best candidates",
    )
    return element(
        "section",
        element("h2", "Best candidates"),
        element("div", body, class_="scroll"),
        element(
            "p",
            "Values carry one sigma. Margin: distance to the threshold, positive inside. Probability: chance that the true value "
            "meets the target. A dotted underline opens the record that a number comes from.",
            class_="small quiet",
            style="margin-top:.6rem",
        ),
        id="best",
    )


def _target_head(target: Target) -> Markup:
    kind = "" if target.hard and target.is_constraint else " · soft" if target.is_constraint else ""
    return join([title_of(target.property), element("small", target_text(target) + kind)])


def _row(view: View, candidate: CandidateReport) -> Markup:
    kind, words = overall(candidate)
    cells = [
        cell(str(candidate.rank), label="#", class_="rank"),
        cell(
            view.candidate(candidate.id, name_of(candidate)),
            element("span", phase_of(candidate), class_="under"),
            element("span", words, class_=f"word {kind}"),
            label="Candidate",
            class_="head",
            sort=candidate.formula,
        ),
        cell(
            element("div", novelty_chip(candidate.novelty)),
            label="Novelty",
            sort=str(candidate.novelty.label),
        ),
    ]
    for index, target in enumerate(view.targets):
        verdict = view.verdict(candidate, index)
        label = title_of(target.property)
        if verdict is None or verdict.quantity is None:
            missing = verdict.reason if verdict else "not measured"
            cells.append(
                cell(
                    element("span", "unknown", class_="word unknown"),
                    element("span", missing, class_="under"),
                    label=label,
                    sort="",
                )
            )
            continue
        value, margin, probability = view.numbers_of(verdict)
        detail = (
            element("span", margin, " · p ", probability, class_="under") if target.is_constraint else None
        )
        cells.append(
            cell(value, word(verdict, target), detail, label=label, sort=float(verdict.quantity.value))
        )
    return element("tr", *cells)


def specification(view: View) -> Markup:
    """The objective as the program took it: targets, wishes, what was understood and what was not."""
    report = view.report
    spec = report.spec
    if spec is None:
        return element(
            "section",
            element("h2", "Specification"),
            element("p", "The run ended before the objective was planned.", class_="card"),
            id="spec",
        )
    rows = [
        element(
            "tr",
            cell(title_of(target.property), label="Property", class_="head"),
            cell(target_text(target), label="Wanted"),
            cell(_kind(target), label="Kind"),
            cell(f"“{target.words}”" if target.words else "–", label="From the words"),
        )
        for target in spec.targets
    ]
    targets = (
        table(["Property", "Wanted", "Kind", "From the words"], rows)
        if rows
        else element("p", "No property was asked for: whatever fits the wishes below counts.")
    )
    understood = [
        element(
            "tr", cell(f"“{one.words}”", label="Words", class_="head"), cell(one.meaning, label="Taken as")
        )
        for one in report.understood
    ]
    left = element(
        "div",
        targets,
        element("h3", "Wishes and limits"),
        element("ul", *(element("li", text, class_="chip") for text in wishes(spec)), class_="chips"),
        class_="card",
    )
    notes = [element("p", text, class_="note") for text in [*report.questions, *report.warnings]]
    right = element(
        "div",
        table(["Words", "Taken as"], understood) if understood else element("p", "No words were explained."),
        element("h3", "Not understood"),
        element(
            "ul",
            *(element("li", f"“{text}”", class_="chip") for text in report.not_understood),
            class_="chips",
        )
        if report.not_understood
        else element("p", "Nothing: every word of the objective was used.", class_="small quiet"),
        *notes,
        class_="card",
    )
    return element(
        "section",
        element("h2", "Specification, as understood"),
        element("div", left, right, class_="two"),
        id="spec",
    )


def _kind(target: Target) -> str:
    if not target.is_constraint:
        return "orders candidates"
    weight = f", weight {target.weight:g}" if target.weight != 1 else ""
    return ("must be met" if target.hard else "soft") + weight


def wishes(spec: DesignSpec) -> list[str]:
    """Everything in a specification besides its targets, one short phrase each."""
    chemistry, structure, conditions, budget = spec.chemistry, spec.structure, spec.conditions, spec.budget
    few, many = chemistry.elements_min, chemistry.elements_max
    phrases = [
        f"contains {', '.join(chemistry.required)}" if chemistry.required else "",
        *(f"contains one of {', '.join(group)}" for group in chemistry.any_of),
        f"without {', '.join(chemistry.excluded)}" if chemistry.excluded else "",
        f"made only of {', '.join(chemistry.allowed)}" if chemistry.allowed else "",
        f"composition {chemistry.formula}" if chemistry.formula else "",
        f"{few} elements" if few == many else f"{few} to {many} elements",
        "charge-neutral" if chemistry.charge_neutral else "",
        "earth-abundant" if chemistry.earth_abundant else "",
        "non-toxic" if chemistry.non_toxic else "",
        f"{structure.prototype} structure" if structure.prototype else "",
        space_groups_text(structure.space_groups),
        f"{structure.atoms_min} to {structure.atoms_max} atoms in the cell",
        f"motif: {structure.motif}" if structure.motif else "",
        f"at {conditions.temperature_k:g} K" if conditions.temperature_k is not None else "",
        f"at {conditions.pressure_gpa:g} GPa" if conditions.pressure_gpa is not None else "",
        conditions.describe_atmosphere(),
        f"{spec.candidates} candidate{'s' if spec.candidates != 1 else ''} wanted",
        "new ones only" if spec.new_only else "",
        f"met from a probability of {100 * spec.probability_met:.0f} %",
        f"budget {duration_text(budget.wall_time_s)}, {budget.evaluations:,} evaluations, {budget.rounds} rounds",
    ]
    return [phrase for phrase in phrases if phrase]
