// One candidate of a run: its crystal, its verdicts, everything measured of it, and the figures of its records.

import { get, post, text } from "./api.js";
import { h, fill, complain, chip, table, dialog, redraw } from "./dom.js";
import { verdictText } from "./candidates.js";
import { structureView } from "./structure.js";
import { recordButton, showRecord, recordBody } from "./record.js";
import { recordFigures } from "./figures.js";

// The panel, and `update` for what is measured later: the crystal stays turned as it is.
export function candidatePanel(candidate, { run, names, targets }) {
  const heading = h("div"), facts = h("div"), figures = h("div"), measured = h("div", { "aria-live": "polite" });
  const stage = h("div", {}, h("p", { class: "hint" }, "Loading the structure…"));
  const path = `runs/${encodeURIComponent(run)}/candidates/${candidate.id}.cif`;
  const pattern = h("button", { type: "button", class: "quiet", onclick: async () => {
    pattern.disabled = true;
    try { fill(measured, recordBody(await post("tools/xray_pattern", { structure: await text(path) }))); } catch (error) { complain(error); } finally { pattern.disabled = false; }
  } }, "X-ray pattern");
  const element = h("section", { class: "card", "aria-label": `Candidate ${candidate.formula}` }, heading, h("div", { class: "grid" }, stage, facts), figures, h("div", { class: "row" }, pattern), measured);
  const drawn = new Set();

  function verdictRow(verdict, of) {
    const target = targets()[verdict.target] ?? {};
    const found = of.quantities.find((q) => q.name === (verdict.property ?? target.property));
    const record = verdict.record || found?.record;
    const probability = verdict.probability === null || verdict.probability === undefined ? "" : `${Math.round(100 * verdict.probability)} %`;
    const kind = { met: "met", "not met": "missed" }[verdict.answer] ?? "unknown";
    return [verdictText({ ...target, property: target.property ?? verdict.property ?? "" }, names), chip(verdict.answer, kind), probability, found && record ? recordButton(run, record, found.text) : verdict.reason ?? ""];
  }

  // Figures of every record that has some, each once; a point leads to its record.
  async function drawFigures(of) {
    for (const id of new Set(of.quantities.map((q) => q.record))) {
      if (drawn.has(id)) continue;
      drawn.add(id);
      try {
        const record = await get(`runs/${encodeURIComponent(run)}/records/${id}`);
        figures.append(recordFigures(record, { open: () => showRecord(run, id) }));
      } catch (error) { drawn.delete(id); complain(error); }
    }
  }

  function update(of) {
    redraw(heading, [of.space_group, of.prototype, of.meets], () => h("div", { class: "row spread" },
      h("h2", {}, of.formula, " ", h("span", { class: "hint small" }, [of.space_group, of.prototype].filter(Boolean).join(" · "))), of.meets ? chip("meets all", "met") : null));
    redraw(facts, { ...of, rank: 0 }, () => [
      h("h3", {}, "Verdicts"), table(["target", "answer", "probability", "value"], of.verdicts.map((verdict) => verdictRow(verdict, of))),
      h("h3", {}, "Everything measured"), table(["property", "value", "by"], of.quantities.map((q) => [q.title, recordButton(run, q.record, q.text), q.tool.replaceAll("_", " ")])),
      of.warnings.length ? [h("h3", {}, "Warnings"), h("ul", { class: "small" }, of.warnings.map((each) => h("li", {}, each)))] : null,
      h("p", { class: "hint small" }, `Proposed in round ${of.round + 1} by ${of.lineage?.strategy ?? "?"}; ${of.novelty.label ?? ""}. `, h("button", { type: "button", class: "plain", onclick: () => dialog(`Lineage of ${of.formula}`, h("pre", {}, JSON.stringify({ lineage: of.lineage, novelty: of.novelty, records: of.records }, null, 1))) }, "lineage"))]);
    drawFigures(of);
  }

  update(candidate);
  structureView(path, candidate.formula).then(({ box }) => fill(stage, box), (error) => fill(stage, h("p", { class: "hint" }, error.message)));
  return { id: candidate.id, element, update };
}
